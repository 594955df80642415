"""The classes of a data set that brings its own list."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import ClassListDataset, Dataset
from bioclip_x.hooks.returned import check_type
from bioclip_x.taxonomy import Taxonomy

if TYPE_CHECKING:
    from bioclip_x.recipe import Recipe


def find_own_taxonomy(dataset: Dataset, recipe: Recipe) -> Taxonomy | None:
    """Returns the data set's own tree of classes, or None if it has none or the recipe gives a taxonomy or labels.

    Raises what `ClassListDataset.own_taxonomy` raises.
    """
    if recipe.taxonomy or recipe.labels or not get_capabilities(dataset, DatasetCapabilities).brings_classes:
        return None
    with naming(dataset, "own_taxonomy"):
        return check_type(dataset, "own_taxonomy", cast(ClassListDataset, dataset).own_taxonomy(), Taxonomy)
