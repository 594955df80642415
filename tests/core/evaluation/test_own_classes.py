"""Whether a data set's own classes are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import ComponentError
from bioclip_x.evaluation.own_classes import find_own_taxonomy
from bioclip_x.hooks.capabilities import DatasetCapabilities
from bioclip_x.hooks.registry import create_registry
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.taxonomy.builder import from_labels


class WithClasses:
    capabilities = DatasetCapabilities(brings_classes=True)
    tree = from_labels(["ant", "bee"])

    def own_taxonomy(self) -> Any:
        return self.tree


class Broken(WithClasses):
    def own_taxonomy(self) -> Any:
        raise KeyError("ant")


def recipe(**fields: Any) -> Any:
    return resolve_recipe(create_registry(), flags=fields)


def test_own_classes_are_used_where_the_user_gives_none(birds_csv: Path) -> None:
    data: Any = WithClasses()
    assert find_own_taxonomy(data, recipe()) is WithClasses.tree
    assert find_own_taxonomy(data, recipe(labels=("wasp",))) is None
    assert find_own_taxonomy(data, recipe(taxonomy=birds_csv)) is None
    plain: Any = create_registry().make("datasets", "image-folder", {"path": birds_csv.parent})
    assert find_own_taxonomy(plain, recipe()) is None


def test_a_fault_of_the_data_set_names_it() -> None:
    data: Any = Broken()
    with pytest.raises(ComponentError, match="own_taxonomy"):
        find_own_taxonomy(data, recipe())
