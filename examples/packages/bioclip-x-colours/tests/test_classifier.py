from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
from bioclip_x_colours.classifier import LEVELS, Colours, compute_histograms
from bioclip_x_colours.train import draw, read_folders, train
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.plugin import ModelError
from bioclip_x.testing import conformance


@cache
def make_file() -> Path:
    """Trains once for all tests."""
    file = Path(mkdtemp()) / "colours.npz"
    train(draw(), file)
    return file


test_it_is_a_classifier = conformance("classifiers", "colours", options={"file": make_file})


def test_drawings_it_was_not_trained_on_are_named() -> None:
    from bioclip_x_field_guide.drawing import draw_species

    names = ["Papaver rhoeas", "Cyanistes caeruleus", "Amanita muscaria"]
    classifier = Classifier(f"colours:{make_file()}")
    results = list(classifier.classify([draw_species(name, 99, 64).image for name in names]))
    assert [result.predictions[0].taxon.name for result in results] == names


def test_a_blank_page_is_refused() -> None:
    [result] = Classifier(f"colours:{make_file()}").classify(Image.new("RGB", (32, 32), "grey"))
    assert result.refused == "the model says 'blank'"


def test_images_of_folders_are_learned(tmp_path: Path) -> None:
    for colour in ("red", "blue"):
        (tmp_path / "images" / colour).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (8 + number, 8), colour).save(tmp_path / "images" / colour / f"{number}.png")
    train(read_folders(tmp_path / "images"), tmp_path / "own.npz")
    [result] = Classifier(f"colours:{tmp_path / 'own.npz'}").classify(Image.new("RGB", (9, 9), "red"))
    assert result.predictions[0].taxon.name == "red"


def test_histograms_count_pixels() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.random((2, 3, 5, 4), dtype=np.float32)
    expected = np.zeros((2, LEVELS, LEVELS, LEVELS))
    for image in range(2):
        for y in range(5):
            for x in range(4):
                expected[(image, *(int(v) for v in pixels[image, :, y, x] * LEVELS))] += 1 / 20
    got = compute_histograms(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(got, np.sqrt(expected.reshape(2, -1)), rtol=1e-5)


def test_another_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("no arrays")
    for name in ("a.npz", "missing.npz"):
        with pytest.raises(ModelError, match=r"make one: python -m bioclip_x_colours\.train"):
            Colours(tmp_path / name).labels()
