"""`--plugin waffle`: WaffleCLIP, random descriptors, the same for all classes (Roth et al., ICCV 2023, arXiv 2306.07282).

What descriptors must do better than. `bioclip-x evaluate` takes several seeds of it, and gives their mean and spread.
"""

from collections.abc import Mapping
from typing import Any

from bioclip_x.plugin import hookimpl


@hookimpl
def configure() -> Mapping[str, Any]:
    return {"text": ["shared-random"], "pooling": "mean"}
