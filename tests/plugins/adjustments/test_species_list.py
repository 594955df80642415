from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from bioclip_x.errors import RecipeError, TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.editing.restrict import restrict
from bioclip_x_plugins.adjustments.species_list import SpeciesList

RANKS = ("family", "genus", "species")
ROWS = (
    ("Paridae", "Parus", "Parus major"),
    ("Paridae", "Cyanistes", "Cyanistes caeruleus"),
    ("Turdidae", "Turdus", "Turdus merula"),
    ("Turdidae", "Turdus", "Turdus pilaris"),
)


@pytest.fixture
def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for row in ROWS:
        synonyms = (Synonym("Parus caeruleus", "L."),) if row[1] == "Cyanistes" else ()
        builder.add_lineage(list(zip(RANKS, row)), Details(synonyms=synonyms))
    return builder.build("birds.csv")


def written(folder: Path, text: str, name: str = "park.txt") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


LIST = "# the park, 2024\nTurdus pilaris Linnaeus, 1758\nParus caeruleus\n\nParus cristatus\nParus caeruleus\n"


def test_a_hard_list_keeps_its_species_and_notes_unmatched_names(tree: Taxonomy, tmp_path: Path) -> None:
    file = written(tmp_path, LIST)
    only = SpeciesList(file)
    offsets_C = only.offsets(tree, [])
    assert offsets_C.dtype == torch.float32 and offsets_C.tolist() == [-math.inf, 0, -math.inf, 0]
    assert only.notes(tree) == (
        f"species list {file} (hard): 2 of 4 classes are on it; the others are excluded",
        f"{file}: 2 of 3 names found",
        f"{file}: 1 found by a synonym: Parus caeruleus",
        f"{file}: 1 not in the taxonomy: Parus cristatus",
    )


def test_a_prior_multiplies_the_odds_by_the_exponential_of_its_strength(tree: Taxonomy, tmp_path: Path) -> None:
    rather = SpeciesList(written(tmp_path, LIST), mode="prior", strength=2.5)
    logits_C = torch.tensor([1.0, 0.5, -0.25, 3.0])
    before_C, after_C = logits_C.softmax(0), (logits_C + rather.offsets(tree, [])).softmax(0)
    odds = (after_C[1] / after_C[0]) / (before_C[1] / before_C[0])
    assert odds.item() == pytest.approx(math.exp(2.5), rel=1e-5)
    assert (after_C[1] / after_C[3]).item() == pytest.approx((before_C[1] / before_C[3]).item(), rel=1e-5)
    assert "(prior): 2 of 4 classes are on it; the logits of the others are lowered by 2.5" in rather.notes(tree)[0]


def test_a_table_a_genus_and_another_tree(tree: Taxonomy, tmp_path: Path) -> None:
    table = written(tmp_path, "order,family,species\nPasseriformes,Muscicapidae,Turdus merula\n", "park.csv")
    assert SpeciesList(table).offsets(tree, []).tolist() == [-math.inf, -math.inf, 0, -math.inf], "its family has moved"
    assert SpeciesList(written(tmp_path, "Turdus")).offsets(tree, []).tolist() == [-math.inf, -math.inf, 0, 0]
    other = restrict(tree, [0, 1])
    made = SpeciesList(written(tmp_path, "Parus major"))
    assert made.offsets(tree, []).tolist() == [0] + [-math.inf] * 3
    assert made.offsets(other, []).tolist() == [0, -math.inf]


def test_lists_without_a_matching_class(tree: Taxonomy, tmp_path: Path) -> None:
    with pytest.raises(
        TaxonomyError, match=r"none of the 2 names .* of birds.csv, .* left: Turdus merulla \(species T"
    ):
        SpeciesList(written(tmp_path, "Turdus merulla\nXyzzy")).notes(tree)
    with pytest.raises(TaxonomyError, match="is empty"):
        SpeciesList(written(tmp_path, "\n# nothing\n")).offsets(tree, [])
    with pytest.raises(TaxonomyError, match="does not exist"):
        SpeciesList(tmp_path / "missing.csv").offsets(tree, [])
    with pytest.raises(TaxonomyError, match="expected columns named by ranks"):
        SpeciesList(written(tmp_path, "who,count\nParus major,3\n", "counts.csv")).offsets(tree, [])


@pytest.mark.parametrize("strength", [0, -1, math.inf, math.nan])
def test_a_strength_must_be_positive(tmp_path: Path, strength: float) -> None:
    with pytest.raises(RecipeError, match="expected a strength above 0"):
        SpeciesList(tmp_path, mode="prior", strength=strength)


def test_a_hard_list_has_no_strength(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="strength=3 needs mode=prior"):
        SpeciesList(tmp_path, strength=3)


def test_the_short_form() -> None:
    made = create_registry().make("adjust_logits", "species-list", {"": "park.csv", "mode": "prior"})
    assert (made.file, made.mode) == (Path("park.csv"), "prior")
