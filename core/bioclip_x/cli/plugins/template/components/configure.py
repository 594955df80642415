"""The plugin `my-component`: `bioclip-x classify --plugin my-component` sets several options at once."""

from collections.abc import Mapping
from typing import Any

from bioclip_x.plugin import Recipe, hookimpl

bioclip_x_api = 1


@hookimpl
def configure(recipe: Recipe) -> Mapping[str, Any]:
    """Sums shares up the tree and shows the best three; flags on the command line go before it."""
    return {"head": "rollup", "k": 3}
