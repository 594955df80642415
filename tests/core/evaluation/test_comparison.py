"""Models compared image by image, predictions as a table, and labels whose taxon is not listed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.cli.render.prediction_table import PredictionTable
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.evaluate import evaluate
from bioclip_x.hooks.registry import create_registry
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.names.labels import find_taxa_above
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from helpers import picture, write_model

SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Twelve images of three listed species, and two of an unlisted one of a listed genus."""
    folder = tmp_path / "labelled"
    for number, species in enumerate([*SPECIES, "Parus ater"]):
        (folder / species).mkdir(parents=True)
        for i in range(4 if species in SPECIES else 2):
            picture(10 * number + i).save(folder / species / f"{i}.png")
    return folder


def test_two_models_are_compared_on_the_same_images(
    tiny_model: str, birds_csv: Path, labelled: Path, tmp_path: Path
) -> None:
    other = f"local-dir:{write_model(tmp_path / 'other', seed=7)}"
    registry = create_registry()
    recipes = [resolve_recipe(registry, flags={"taxonomy": birds_csv, "model": m}) for m in (tiny_model, other)]
    table = PredictionTable()
    found = evaluate(registry, recipes, ImageFolder(path=labelled, off_list="keep"), "made", watches=[table])
    table.write(tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    first, second = (
        {row["image"]: row for row in rows if row["model"] == one.model and row["label_rank"] == "species"}
        for one in found.texts
    )
    assert len(rows) == 28 and first.keys() == second.keys() and len(first) == 12
    right = [np.array([row["predicted"] == row["label"] for row in run.values()]) for run in (first, second)]
    for one, right_n, run in zip(found.texts, right, (first, second)):
        assert one.top1.value == pytest.approx(right_n.mean())
        assert [row["right"] for row in run.values()] == [str(int(hit)) for hit in right_n]
    assert found.texts[1].difference and found.texts[1].difference.value == pytest.approx(
        right[1].mean() - right[0].mean()
    )
    assert found.texts[1].alone_right == (right[1] & ~right[0]).sum()
    assert found.texts[1].first_alone_right == (right[0] & ~right[1]).sum()
    assert [one.label.startswith(one.model) for one in found.texts] == [True, True]


def test_models_of_other_classes_are_refused(tiny_model: str, birds_csv: Path, labelled: Path, tmp_path: Path) -> None:
    other = f"local-dir:{write_model(tmp_path / 'other', seed=7)}"
    registry = create_registry()
    recipes = [
        resolve_recipe(registry, flags={"taxonomy": birds_csv, "model": tiny_model}),
        resolve_recipe(registry, flags={"labels": ("Parus major",), "model": other}),
    ]
    with pytest.raises(EvaluationError, match=r"names other classes than .*: give the classes of both with --taxonomy"):
        evaluate(registry, recipes, ImageFolder(path=labelled, off_list="keep"), "made")


def test_unlisted_species_count_at_their_genus_and_above(tiny_model: str, birds_csv: Path, labelled: Path) -> None:
    registry = create_registry()
    recipe = resolve_recipe(registry, flags={"taxonomy": birds_csv, "model": tiny_model})
    found = evaluate(registry, [recipe], ImageFolder(path=labelled, off_list="keep"), "made")
    [one] = found.texts
    assert (one.top1.of, one.ranks["species"].of, one.ranks["genus"].of, one.ranks["class"].of) == (12, 12, 14, 14)
    assert "2 images of unlisted taxa count for the listed taxon above (genus 2)" in found.notes


def test_what_a_label_tells_of_the_taxa_above() -> None:
    builder = TaxonomyBuilder()
    for names in (("Aves", "Paridae", "Parus", "Parus major"), ("Aves", "Corvidae", "Pica", "Pica pica")):
        builder.add_lineage([*zip(("class", "family", "genus", "species"), names)])
    tree = builder.build()
    labels = [
        "Parus ater",
        "Pica_nuttalli",
        "Aves; Corvidae; Corvus; Corvus corax",
        "Sitta europaea",
        "great tit",
        "Parus",
    ]
    found = {label: tree.names[node] for label, node in find_taxa_above(labels, tree).items()}
    assert found == {
        "Parus ater": "Parus", "Pica_nuttalli": "Pica", "Aves; Corvidae; Corvus; Corvus corax": "Corvidae",
    }  # fmt: skip
