"""The embedded model: what it knows, what it refuses, and that its explanations follow what is drawn."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.hooks.registry import create_registry
from bioclip_x.models import list_known_models
from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import (
    list_descriptors,
    list_held_out_species,
    list_phrases,
    list_trained_species,
    list_trait_values,
    load_species,
)

SEED = 77


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier(plugins=["descriptors"], cache=tmp_path_factory.mktemp("banks"))


def test_it_is_small_plain_and_says_what_it_is() -> None:
    folder = Path(str(files("bioclip_x_field_guide") / "model"))
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 13_000_000
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    vision = config["vision_cfg"]
    assert (vision["image_size"] // vision["patch_size"]) ** 2 <= 64 and vision["pool_type"] == "avg"
    assert json.loads((folder / "training.json").read_text())["seconds"] < 3600


def test_it_is_listed_first_and_is_always_there(classifier: Classifier) -> None:
    known, *others = list_known_models(create_registry())
    assert known.name == "field-guide" and "field-guide" not in [other.name for other in others]
    assert known.source == "package:bioclip_x_field_guide/model" and known.encoder == "open_clip"
    assert known.is_cached and known.classes_cached
    card = classifier.encoder.card
    assert (card.name, card.dim) == (known.name, known.dim)
    assert (card.preprocessing["size"], card.preprocessing["resize_mode"]) == ((known.image_size,) * 2, known.resize)


def test_the_documentation_says_the_same(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "models.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if line.startswith("| `field-guide` |")]
    known = create_registry().make("models", "field-guide")
    cells = [cell.strip() for cell in row.split("|")]
    assert "the default" in cells[2] and "trained on [drawings](field-guide.md), not on photographs" in cells[2]
    assert cells[3:8] == [known.architecture, "", "", known.licence, known.classes]


def test_it_names_fresh_drawings(classifier: Classifier) -> None:
    names = [species.name for species in list_trained_species()]
    found = list(classifier.classify([draw_species(name, (SEED, i)).image for i, name in enumerate(names)]))
    right = sum(bool(r.predictions) and r.predictions[0].taxon.name == name for r, name in zip(found, names))
    assert right >= 0.9 * len(names)
    assert not any(result.refused for result in found)


def test_descriptors_find_species_that_it_was_never_shown(classifier: Classifier) -> None:
    """Among all species, and far above the 1% of guessing."""
    names = [species.name for species in list_held_out_species()] * 3
    found = classifier.classify([draw_species(name, (SEED, 3, i)).image for i, name in enumerate(names)])
    right = sum(bool(r.predictions) and r.predictions[0].taxon.name == name for r, name in zip(found, names))
    assert right >= 0.5 * len(names)


def test_other_pictures_are_refused(classifier: Classifier) -> None:
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 1, 200)[None, :, None], (200, 200, 3))
    chart = Image.new("RGB", (300, 200), "white")
    for x in range(20, 280, 40):
        chart.paste((70, 110, 180), (x, 180 - (x * 7) % 150, x + 25, 190))
    pictures = [rng.uniform(size=(200, 200, 3)), ramp, Image.new("RGB", (64, 64), "green"), chart]
    for result in classifier.classify(pictures):
        assert result.refused == "not a field-guide drawing: use --model bioclip-2"
        assert not result.predictions


def test_photographs_are_refused(classifier: Classifier, shared_data: Path) -> None:
    photographs = [*sorted((shared_data / "photos_misc").glob("*.jpg"))]
    photographs += sorted((shared_data / "hymenoptera").rglob("*.jpg"))[::6]
    photographs += sorted((shared_data / "tinyimagenet_bio").rglob("*.JPEG"))[::80]
    results = list(classifier.classify(photographs))
    assert len(results) > 190 and sum(bool(r.refused) for r in results) >= 0.99 * len(results)


def test_a_drawing_saved_as_jpeg_is_still_one(classifier: Classifier, tmp_path: Path) -> None:
    files_ = []
    for i, species in enumerate(list_trained_species()[::5]):
        draw_species(species.name, (SEED, 1, i)).image.save(tmp_path / f"{i:02}.jpg", quality=88)
        files_.append(tmp_path / f"{i:02}.jpg")
    assert not any(result.refused for result in classifier.classify(files_))


def test_explanations_follow_what_is_drawn(classifier: Classifier) -> None:
    """A trait changed in the drawing, everything else the same: its phrase falls, relative to the class's others.

    More often than not, and more often than an unrelated phrase does; how often is in the results file.
    """
    fell, unrelated = [], []
    for i, species in enumerate(load_species()[::2]):
        said = list_descriptors(species)
        texts = classifier.encoder.encode_texts(said)
        trait = next(t for t, v in species.traits.items() if list_phrases(species.plan, t, v)[0] == said[0])
        other = next(v for v in list_trait_values(species.plan)[trait] if v != species.traits[trait])
        pair = [draw_species(species.name, (SEED, 2, i), change=change).image for change in ({}, {trait: other})]
        before, after = classifier.encoder.encode_images(
            torch.stack([classifier.encoder.preprocess(image) for image in pair])
        ).embeddings_BD
        change = (texts @ (after - before)).tolist()
        for index, outcome in ((0, fell), (len(said) - 1, unrelated)):
            rest = [value for place, value in enumerate(change) if place != index]
            outcome.append(change[index] < sum(rest) / len(rest))
    assert sum(fell) >= 0.7 * len(fell) and sum(fell) > sum(unrelated) + 5


def test_the_winners_descriptors_carry_the_decision(classifier: Classifier) -> None:
    """Of fresh drawings that are named rightly: what is said of the winner alone speaks more strongly, one by one, than what
    is said of the runner-up alone."""
    names = [species.name for species in list_trained_species()[::4]]
    carried = []
    for name, result in zip(names, classifier.classify([draw_species(name, (SEED, 4)).image for name in names])):
        why = result.explanation
        assert why is not None and why.remainders == ()
        assert (
            why.margin == pytest.approx(sum(share.contribution for share in why.contributions), abs=1e-9)
            and why.margin > 0
        )
        if why.winner == name:
            own = [share for share in why.contributions if share.net is None]
            of_winner, of_other = (
                [
                    share.similarity
                    for share in own
                    if (share.class_index == why.contributions[0].class_index) is is_winners
                ]
                for is_winners in (True, False)
            )
            carried.append(not of_other or np.mean(of_winner) > np.mean(of_other))
    assert len(carried) >= 0.8 * len(names) and sum(carried) >= 0.95 * len(carried)


def test_patch_maps_are_an_exact_decomposition(classifier: Classifier) -> None:
    """Average pooling: the mean of the projected patch tokens is the image's embedding."""
    visual = classifier.encoder.loaded.model.visual  # type: ignore[attr-defined]
    pixels = classifier.encoder.preprocess(draw_species("Alcedo atthis", SEED).image)[None]
    with torch.inference_mode():
        out = visual.forward_intermediates(pixels, indices=1, output_fmt="NLC", normalize_intermediates=True)
        patches = out["image_intermediates"][-1] @ visual.proj
        torch.testing.assert_close(patches.mean(1), visual(pixels), atol=1e-4, rtol=1e-3)


def test_every_output_says_that_it_is_a_demonstration(classifier: Classifier) -> None:
    assert "knows nothing of photographs" in classifier.provenance.demo


def test_the_taxonomy_lists_every_species_once() -> None:
    with (files("bioclip_x_field_guide") / "taxonomy.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert sorted(row["species"] for row in rows) == sorted(species.name for species in load_species())
