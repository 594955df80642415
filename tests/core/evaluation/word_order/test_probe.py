"""The probe from end to end on the tiny model, against a loop over classes, draws and images."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.cli.render.word_order import write
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.word_order.probe import NOTICED, probe_word_order
from bioclip_x.evaluation.word_order.texts import shuffle_ranks
from bioclip_x.hooks.registry import create_registry
from bioclip_x.inference.classifier import Classifier
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from helpers import picture

SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Quercus robur")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for i, name in enumerate(SPECIES):
        (folder / name).mkdir(parents=True)
        for j in range(3):
            picture(10 * i + j).save(folder / name / f"{j}.png")
    return folder


@pytest.fixture
def descriptors(tmp_path: Path) -> Path:
    path = tmp_path / "descriptors.json"
    path.write_text(json.dumps({name: [f"a mark {i}", f"a spot {i}"] for i, name in enumerate(SPECIES)}))
    return path


def test_figures_are_those_of_a_loop(tiny_model: str, birds_csv: Path, images: Path, descriptors: Path) -> None:
    registry = create_registry()
    flags = {"model": tiny_model, "taxonomy": birds_csv, "descriptors": descriptors, "text": ("descriptors",)}
    recipe = resolve_recipe(registry, flags=flags)
    found = probe_word_order(registry, recipe, ImageFolder(path=images), "made", draws=2)
    shuffled, exchanged = found.alterations
    assert (shuffled.images, shuffled.measures[NOTICED].of) == (12, 4)
    classifier = Classifier(registry=registry, recipe=recipe)
    tree, encoder = classifier.taxonomy, classifier.encoder
    class_of = {tree.class_taxon(c).name: c for c in range(tree.n_classes)}
    order = sorted(SPECIES, key=class_of.__getitem__)
    hits = []
    for draw in range(2):
        generator = random.Random(draw)
        for name in order:
            pair = shuffle_ranks(tree.class_taxon(class_of[name]), generator)
            assert pair is not None
            right, altered = encoder.encode_texts(pair)
            for j in range(3):
                pixels = encoder.preprocess(picture(10 * SPECIES.index(name) + j))[None]
                x = encoder.encode_images(pixels).embeddings_BD[0]
                hits.append(float(x @ right > x @ altered))
    assert shuffled.measures[NOTICED].value == pytest.approx(np.mean(hits))
    assert set(exchanged.measures) == {NOTICED, "text score", "image score", "group score"}
    values = {name: measure.value or 0.0 for name, measure in exchanged.measures.items()}
    assert values["group score"] <= min(values["text score"], values["image score"])
    right, altered = exchanged.examples[0]
    assert right.split(",")[0] == altered.split(",")[0] and right != altered
    table, lines = io.StringIO(), io.StringIO()
    write(found, "table", table)
    assert "ranks shuffled: 12 images of 4 classes, 2 draws" in table.getvalue() and "50.0%" in table.getvalue()
    write(found, "csv", lines)
    rows = list(csv.DictReader(io.StringIO(lines.getvalue())))
    assert [row["measure"] for row in rows] == [NOTICED, NOTICED, "text score", "image score", "group score"]
    document = io.StringIO()
    write(found, "json", document)
    assert json.loads(document.getvalue())["format"] == "bioclip-x/word-order/1"


def test_an_image_tower_that_reads_the_text_notices(
    tiny_model: str, birds_csv: Path, images: Path, descriptors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made encoder whose texts with a class's own mark are near to its images: all altered texts are noticed."""
    registry = create_registry()
    flags = {"model": tiny_model, "taxonomy": birds_csv, "descriptors": descriptors, "text": ("descriptors",)}
    from bioclip_x.evaluation.word_order import probe

    real = probe.embed_labelled_images

    def embed(classifier: Classifier, dataset: ImageFolder, progress: object) -> object:
        found = real(classifier, dataset)
        names = [SPECIES.index(Path(source.name).parent.name) for source in found.sources]
        made_nD = torch.nn.functional.one_hot(torch.tensor(names), found.features_nD.shape[1]).float()

        def encode(texts: list[str]) -> torch.Tensor:
            marks = [int(text[-1]) if text[-1].isdigit() else 9 for text in texts]
            return torch.nn.functional.one_hot(torch.tensor(marks), found.features_nD.shape[1]).float()

        monkeypatch.setattr(classifier.encoder, "encode_texts", encode, raising=False)
        return replace(found, features_nD=made_nD)

    monkeypatch.setattr(probe, "embed_labelled_images", embed)
    recipe = resolve_recipe(registry, flags=flags)
    result = probe_word_order(registry, recipe, ImageFolder(path=images), "made", draws=2)
    shuffled, exchanged = result.alterations
    assert shuffled.measures[NOTICED].value == 0.5  # equal scores
    assert {measure.value for measure in exchanged.measures.values()} == {1.0}


def test_without_ranks_or_descriptors_there_is_nothing_to_alter(tiny_model: str, tmp_path: Path) -> None:
    (tmp_path / "fox").mkdir()
    picture(0).save(tmp_path / "fox" / "0.png")
    registry = create_registry()
    recipe = resolve_recipe(registry, flags={"model": tiny_model, "labels": ("fox", "wolf")})
    with pytest.raises(EvaluationError, match="there is no text to alter"):
        probe_word_order(registry, recipe, ImageFolder(path=tmp_path), "made")
