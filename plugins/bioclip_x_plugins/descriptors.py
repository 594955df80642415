"""`--plugin descriptors`: classification by description (Menon & Vondrick, ICLR 2023, arXiv 2210.07183).

A class is what it looks like: its score is the mean similarity of the image to its descriptors, and those
similarities are the explanation.
"""

from collections.abc import Mapping
from typing import Any

from bioclip_x.plugin import hookimpl


@hookimpl
def configure() -> Mapping[str, Any]:
    return {"text": ["descriptors"], "pooling": "mean"}
