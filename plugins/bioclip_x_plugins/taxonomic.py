"""`--plugin taxonomic`: BioCLIP's way, and the default. A class is its taxonomic name, kingdom to species, as one text."""

from collections.abc import Mapping
from typing import Any

from bioclip_x.plugin import hookimpl


@hookimpl
def configure() -> Mapping[str, Any]:
    return {"text": ["taxonomic"], "pooling": "mean"}
