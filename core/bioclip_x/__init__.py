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
    from bioclip_x.embed.embedder import Embedder
    from bioclip_x.hooks.registry import create_registry
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.inference.results import write_report
    from bioclip_x.recipe import Recipe
    from bioclip_x.taxonomy import Taxonomy
    from bioclip_x.taxonomy.editing.subset import subset
    from bioclip_x.taxonomy.networkx_graph import from_networkx

__all__ = [
    "Classifier",
    "ComponentSpec",
    "Embedder",
    "Recipe",
    "Taxonomy",
    "__version__",
    "create_registry",
    "from_networkx",
    "hookimpl",
    "subset",
    "write_report",
]

# Imported on first use, so that `bioclip-x --help` does not load torch or pydantic.
_LAZY = {
    "Classifier": "bioclip_x.inference.classifier",
    "Embedder": "bioclip_x.embed.embedder",
    "Recipe": "bioclip_x.recipe",
    "Taxonomy": "bioclip_x.taxonomy",
    "create_registry": "bioclip_x.hooks.registry",
    "from_networkx": "bioclip_x.taxonomy.networkx_graph",
    "subset": "bioclip_x.taxonomy.editing.subset",
    "write_report": "bioclip_x.inference.results",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
