"""bioclip-x: identifies organisms in images at the rank that the evidence supports, and explains each name in words.

>>> from bioclip_x import Classifier
>>> for result in Classifier(plugins=["descriptors"]).classify(["examples/drawings"]):  # doctest: +SKIP
...     print(result.source, result.predictions[0].taxon.name)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bioclip_x.hooks.components import ComponentSpec
from bioclip_x.hooks.specs import hookimpl
from bioclip_x.version import __version__

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.recipe import Recipe
    from bioclip_x.taxonomy import Taxonomy

__all__ = ["Classifier", "ComponentSpec", "Recipe", "Taxonomy", "__version__", "hookimpl"]

# Imported on first use, so that `bioclip-x --help` does not load torch or pydantic.
_LAZY = {
    "Classifier": "bioclip_x.inference.classifier",
    "Recipe": "bioclip_x.recipe",
    "Taxonomy": "bioclip_x.taxonomy",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
