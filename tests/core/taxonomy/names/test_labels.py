from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.labels import find_unlisted_labels, resolve_labels


@pytest.fixture
def birds(birds_csv: Path) -> Taxonomy:
    return read_taxonomy(create_registry(), birds_csv)


def test_scientific_common_and_underscored_names_resolve_to_their_class(birds: Taxonomy) -> None:
    class_of, unknown, ambiguous = resolve_labels(
        ["Parus major", "Parus_major", "great tit", "Quercus", "Robin", "Parus"], birds
    )
    names = [birds.names[node] for node in birds.leaf_node_C]
    assert {label: names[c] for label, c in class_of.items() if label != "Quercus"} == {
        "Parus major": "Parus major", "Parus_major": "Parus major", "great tit": "Parus major",
    }  # fmt: skip
    assert "Quercus" in class_of  # a genus that is a class itself
    assert unknown == ["Robin", "Parus"] and ambiguous == []


def test_labels_of_taxa_above_classes_are_not_unlisted(birds: Taxonomy) -> None:
    assert find_unlisted_labels(["Parus", "Aves", "Parus major", "Robin"], birds) == ["Robin"]


def test_a_name_of_two_classes_is_ambiguous_until_its_path_is_given(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("kingdom,genus\nAnimalia,Oenanthe\nPlantae,Oenanthe\n", "utf-8")
    taxonomy = read_taxonomy(create_registry(), path)
    class_of, unknown, ambiguous = resolve_labels(["Oenanthe", "Plantae; Oenanthe"], taxonomy)
    assert ambiguous == ["Oenanthe"] and unknown == []
    assert class_of == {"Plantae; Oenanthe": 1}
