"""Trains the classifier `colours`.

python -m bioclip_x_colours.train colours.npz
python -m bioclip_x_colours.train colours.npz photos/        # a folder for each label, such as photos/Parus major/
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from bioclip_x_colours.classifier import compute_histograms, prepare

SPECIES = (
    "Cyanistes caeruleus",
    "Alcedo atthis",
    "Aglais io",
    "Coccinella septempunctata",
    "Papaver rhoeas",
    "Amanita muscaria",
)
DRAWINGS = 8
"""Of each species, and of blank."""


def train(images: Iterator[tuple[str, Image.Image]], file: Path) -> None:
    """Fits a multinomial logistic regression to labelled images, and writes labels, weights and biases: no pickle."""
    labels, pixels = zip(*((label, prepare(image)) for label, image in images))
    fitted = LogisticRegression(C=100, max_iter=1000).fit(compute_histograms(torch.stack(pixels)).numpy(), labels)
    weight_LF, bias_L = fitted.coef_, fitted.intercept_
    if len(weight_LF) == 1:  # of two labels, scikit-learn has only the difference
        weight_LF, bias_L = np.vstack([-weight_LF, weight_LF]) / 2, np.append(-bias_L, bias_L) / 2
    with file.open("wb") as stream:
        np.savez(
            stream,
            labels=fitted.classes_,
            weight=weight_LF.astype(np.float32),
            bias=bias_L.astype(np.float32),
        )


def draw() -> Iterator[tuple[str, Image.Image]]:
    """Yields drawings of the demonstration model's field guide, and blank pages of various greys."""
    from bioclip_x_field_guide.drawing import draw_species

    for number in range(DRAWINGS):
        for species in SPECIES:
            yield species, draw_species(species, (5, number), 64).image
        yield "blank", Image.new("RGB", (64, 64), (40 + 30 * number,) * 3)


def read_folders(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yields the images of a folder with a folder for each label."""
    for path in sorted(folder.glob("*/*")):
        with Image.open(path) as image:
            yield path.parent.name, image


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a classifier by colours.")
    parser.add_argument("file", type=Path, help="the .npz file to write")
    parser.add_argument("images", type=Path, nargs="?", help="a folder with a folder for each label")
    given = parser.parse_args()
    train(read_folders(given.images) if given.images else draw(), given.file)
