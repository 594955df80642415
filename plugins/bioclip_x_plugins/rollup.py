"""`--plugin rollup`: shares summed up the tree, and a winner at every rank."""

from collections.abc import Mapping
from typing import Any

from bioclip_x.plugin import hookimpl


@hookimpl
def configure() -> Mapping[str, Any]:
    return {"head": "rollup"}
