"""What the benchmark of "none of these" writes is what its results and its page say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def script(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("none_of_these")


def test_the_page_has_the_tables_of_the_results(script: ModuleType) -> None:
    results = json.loads(script.RESULTS.read_text("utf-8"))
    page = script.PAGE.read_text("utf-8")
    assert page.partition(script.BEGIN)[2].partition(script.END)[0].strip() == script.make_tables(results)


def test_the_groups_of_a_case_add_up(script: ModuleType) -> None:
    for case in json.loads(script.RESULTS.read_text("utf-8"))["cases"]:
        by_rank = {name: n for name, n in case["off_list"].items() if name.startswith("listed up to")}
        assert sum(by_rank.values()) == sum(case["off_list"].values()) - sum(by_rank.values())


def test_the_lowest_listed_rank(script: ModuleType) -> None:
    listed = [["A", "p", "c", "o", "f", "g", "g s"]]
    assert script.find_listed_rank(["A", "p", "c", "o", "f", "g", "g t"], listed) == "genus"
    assert script.find_listed_rank(["A", "p", "c", "x", "f", "g", "g t"], listed) == "class"
    assert script.find_listed_rank(["A", "p", "", "", "", "", ""], listed) == "phylum"
    assert script.find_listed_rank(["B", "p", "c", "o", "f", "g", "g s"], listed) == "nothing"


def test_figures_are_combined_place_by_place(script: ModuleType) -> None:
    figures = [{"a": 1.0, "b": {"c": [1.0, 4.0]}}, {"a": 3.0, "b": {"c": [3.0, 0.0]}}]
    assert script.combine(figures, np.mean) == {"a": 2.0, "b": {"c": [2.0, 2.0]}}


def test_species_left_out_of_training_are_off_the_list(script: ModuleType, shared_data: Path) -> None:
    taxa = script.photos.read_taxa(shared_data / script.PRODUCE / "classes.csv")
    left_out = script.photos.choose_left_out(taxa.values())
    listed = [taxon.lineage for taxon in taxa.values() if taxon.name not in left_out]
    assert len(left_out) > 5
    for taxon in taxa.values():
        rank = script.find_listed_rank(taxon.lineage, listed)
        assert (rank == "species") == (taxon.name not in left_out)
        assert rank != script.NOTHING  # all are plants or fungi of which others are listed
    animals = script.photos.read_taxa(shared_data / "tinyimagenet_bio" / "classes.csv")
    assert {script.find_listed_rank(taxon.lineage, listed) for taxon in animals.values()} == {script.NOTHING}
    made = script.photos.Photo("a.jpg", "Malus domestica", script.PRODUCE, "train")
    assert not script.is_met(made)
