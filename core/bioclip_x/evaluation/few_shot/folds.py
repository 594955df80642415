"""Folds: which images are the support of each class; they are drawn, written, and read back.

A fold's queries are all other images of its classes. The draw is that of BioCLIP's few-shot evaluation
(src/evaluation/few_shot.py of github.com/Imageomics/bioclip), so that on images in the same order it has the same support: for
each k in turn and each fold f, Python's generator is seeded with f, and each class's list of images, classes in the order of
their first image, is shuffled in place; its first k are the support. The lists stay shuffled from one fold to the next.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.io.files import read_json
from bioclip_x.messages import list_some

FORMAT: Final = "bioclip-x/folds/1"


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """shots: k. number: of the fold among those with this k, from 0. support_n: int64 [C·k], rows of images, class by class."""

    shots: int
    number: int
    support_n: Ints


def draw_folds(class_n: Ints, shots: Sequence[int], n_folds: int) -> tuple[Fold, ...]:
    """Draws the folds of each k. class_n: int64 [n], negative for images without a class.

    A class with fewer than k images has no part in the folds of k; one with exactly k has no query. Raises EvaluationError where
    no class has more than k images.
    """
    rows_of: dict[int, list[int]] = {}
    for row in np.flatnonzero(class_n >= 0).tolist():
        rows_of.setdefault(int(class_n[row]), []).append(row)
    largest = max(map(len, rows_of.values()), default=0)
    if too_many := [k for k in shots if k >= largest]:
        raise EvaluationError(
            f"{too_many[0]} shots leave no image to classify: the largest class has {largest} images; choose fewer shots"
        )
    folds = []
    for k in shots:
        for number in range(n_folds):
            generator = random.Random(number)
            support: list[int] = []
            for rows in rows_of.values():
                generator.shuffle(rows)
                support += rows[:k] if len(rows) >= k else []
            folds.append(Fold(k, number, np.array(support, np.int64)))
    return tuple(folds)


def find_queries(fold: Fold, class_n: Ints) -> Ints:
    """Returns the rows of all other images of the fold's classes, ascending: int64."""
    is_query_n = np.isin(class_n, class_n[fold.support_n])
    is_query_n[fold.support_n] = False
    return np.flatnonzero(is_query_n)


def dump_folds(folds: Sequence[Fold], source: str, names: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Makes a JSON document of folds.

    names: of all images. labels: the class of each. Paths are written relative to the folder that all images are in, so that
    the file is valid wherever that folder is.
    """
    relative = make_relative(names)
    documents = [
        {
            "shots": fold.shots,
            "fold": fold.number,
            "seed": fold.number,
            "support": [
                {"index": row, "image": relative[row], "class": labels[row]} for row in fold.support_n.tolist()
            ],
        }
        for fold in folds
    ]
    return {
        "format": FORMAT,
        "source": source,
        "images": len(names),
        "queries": "all other images of the support's classes",
        "folds": documents,
    }


def read_folds(path: Path, names: Sequence[str], labels: Sequence[str]) -> tuple[Fold, ...]:
    """Reads a file that `dump_folds` made, or another program. Needed are shots, and image and class of the support.

    names, labels: as for `dump_folds`, of the images at hand. Raises EvaluationError for a file of another format, for an image
    that is not among those at hand, that is there twice, or whose label is another, and for a class with another number of
    images than the shots.
    """
    try:
        document = read_json(path, EvaluationError)
        given = [(int(fold["shots"]), fold["support"]) for fold in document["folds"]]
        supports = [(shots, [(str(one["image"]), str(one["class"])) for one in support]) for shots, support in given]
    except (ValueError, TypeError, KeyError, OverflowError) as problem:
        raise EvaluationError(
            f"{path}: expected a file of folds ({FORMAT}), as --save-folds writes it: {problem!r}"
        ) from None
    row_of = {name: row for row, name in enumerate(make_relative(names))}
    numbers: dict[int, int] = {}
    folds = []
    for shots, support in supports:
        number = numbers.setdefault(shots, 0)
        numbers[shots] += 1
        _check_support(path, f"fold {number} of {shots} shots", shots, support, row_of, labels)
        folds.append(Fold(shots, number, np.array([row_of[image] for image, _ in support], np.int64)))
    if not folds:
        raise EvaluationError(f"{path} has no folds")
    return tuple(folds)


def _check_support(
    path: Path,
    fold: str,
    shots: int,
    support: Sequence[tuple[str, str]],
    row_of: Mapping[str, int],
    labels: Sequence[str],
) -> None:
    images = [image for image, _ in support]
    if missing := [image for image in images if image not in row_of]:
        raise EvaluationError(
            f"{path}, {fold}: {len(missing)} images are not among those given: {list_some(missing, 3)}"
        )
    if not images or len(set(images)) < len(images):
        raise EvaluationError(f"{path}, {fold}: expected images that differ, got {list_some(images, 3) or 'none'}")
    for image, label in support:
        if labels[row_of[image]] != label:
            raise EvaluationError(
                f"{path}, {fold}: {image} is of {label!r}; here it is labelled {labels[row_of[image]]!r}"
            )
    counts: dict[str, int] = {}
    for _, label in support:
        counts[label] = counts.get(label, 0) + 1
    if wrong := [label for label, count in counts.items() if count != shots]:
        raise EvaluationError(f"{path}, {fold}: {wrong[0]!r} has {counts[wrong[0]]} images, expected {shots}")


def make_relative(names: Sequence[str]) -> list[str]:
    """Returns paths relative to the folder that all are in, with "/"; other names unchanged.

    >>> make_relative(["/data/a/1.jpg", "/data/b/1.jpg"])
    ['a/1.jpg', 'b/1.jpg']
    """
    try:
        folder = os.path.commonpath([os.path.dirname(name) for name in names])  # noqa: PTH120 - names need not be paths
    except ValueError:  # of several drives, or absolute and relative
        return list(names)
    if not folder:
        return [name.replace(os.sep, "/") for name in names]
    return [os.path.relpath(name, folder).replace(os.sep, "/") for name in names]
