from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.few_shot.folds import draw_folds, dump_folds, find_queries, read_folds


def draw_as_bioclip(class_n: list[int], shots: list[int], n_folds: int) -> list[list[int]]:
    """The lines of BioCLIP's `split` that draw the support, with rows in place of features."""
    select: dict[int, list[int]] = {}
    for row, category in enumerate(class_n):
        select.setdefault(category, []).append(row)
    drawn = []
    for k in shots:
        for fold in range(n_folds):
            random.seed(fold)
            train = []
            for rows in select.values():
                random.shuffle(rows)
                train += rows[:k]
            drawn.append(train)
    return drawn


def test_draws_the_support_that_bioclip_draws() -> None:
    class_n = np.random.default_rng(0).permutation(np.repeat([4, 0, 7, 2], (6, 9, 12, 8)))
    folds = draw_folds(class_n, (1, 5), 5)
    assert [fold.support_n.tolist() for fold in folds] == draw_as_bioclip(class_n.tolist(), [1, 5], 5)
    assert [(fold.shots, fold.number) for fold in folds] == [(k, f) for k in (1, 5) for f in range(5)]


def test_queries_are_all_other_images_of_the_classes_that_have_enough() -> None:
    class_n = np.array([0, 0, 0, 1, 1, 2, -1, 0])
    [fold] = draw_folds(class_n, (2,), 1)
    assert sorted(class_n[fold.support_n].tolist()) == [0, 0, 1, 1]
    query_m = find_queries(fold, class_n)
    assert sorted([*query_m.tolist(), *fold.support_n.tolist()]) == [0, 1, 2, 3, 4, 7]
    assert class_n[query_m].tolist() == [0, 0]


def test_shots_that_leave_nothing_to_classify_are_refused() -> None:
    with pytest.raises(EvaluationError, match="the largest class has 3 images"):
        draw_folds(np.array([0, 0, 0, 1]), (1, 3), 5)


NAMES = [f"/data/here/{label}/{i}.jpg" for label in ("a", "b") for i in range(3)]
LABELS = ["a"] * 3 + ["b"] * 3


def write(folder: Path, document: object) -> Path:
    (folder / "folds.json").write_text(json.dumps(document))
    return folder / "folds.json"


def test_written_folds_are_read_back_where_the_folder_has_moved(tmp_path: Path) -> None:
    folds = draw_folds(np.repeat([0, 1], 3), (1, 2), 3)
    document = dump_folds(folds, "photos", NAMES, LABELS)
    row = int(folds[0].support_n[0])
    assert document["folds"][0]["support"][0] == {"index": row, "image": f"a/{row}.jpg", "class": "a"}
    moved = [name.replace("/data/here", "elsewhere") for name in reversed(NAMES)]
    read = read_folds(write(tmp_path, document), moved, LABELS[::-1])
    assert [(one.shots, one.number) for one in read] == [(one.shots, one.number) for one in folds]
    for one, drawn in zip(read, folds):
        assert [5 - row for row in one.support_n.tolist()] == drawn.support_n.tolist()


def support(*images: tuple[str, str], shots: int = 1) -> dict[str, object]:
    return {"folds": [{"shots": shots, "support": [{"image": image, "class": label} for image, label in images]}]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "expected a file of folds"),
        ([], "expected a file of folds"),
        ({"folds": []}, "has no folds"),
        (support(("a/9.jpg", "a")), "not among those given: a/9.jpg"),
        (support(("a/1.jpg", "b")), "is of 'b'; here it is labelled 'a'"),
        (support(("a/1.jpg", "a"), ("a/1.jpg", "a"), shots=2), "expected images that differ"),
        (support(("a/1.jpg", "a"), ("a/2.jpg", "a")), "'a' has 2 images, expected 1"),
        (support(), "expected images that differ, got none"),
    ],
)
def test_what_is_wrong_with_a_file_of_folds_is_named(document: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_folds(write(tmp_path, document), NAMES, LABELS)
