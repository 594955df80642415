"""Figures put together: names of runs, and which images are shown of which outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from bioclip_x.evaluation.correctness import Correctness
from bioclip_x.evaluation.figures.assembly import LabelledNames, RunOutputs, make_example_sets, make_figures
from bioclip_x.evaluation.predictions import ImagePredictions
from bioclip_x.evaluation.summary import Labels, summarise
from bioclip_x.records import Evaluation, TextEvaluation
from bioclip_x.taxonomy.builder import from_labels

TREE = from_labels(["cat", "dog", "fox"])
CLASS_N = np.array([0, 0, 1, 1, 2, 2])
IMAGES = LabelledNames(tuple(f"{i}.jpg" for i in range(6)), TREE.leaf_node_C[CLASS_N].astype(np.int64), CLASS_N)


def make_run(named: list[int]) -> RunOutputs:
    """named: a class for each image, -1 for none."""
    node_n = np.where(np.array(named) >= 0, TREE.leaf_node_C[named], -1).astype(np.int64)
    share_n = np.where(node_n >= 0, 0.75, np.nan)
    return RunOutputs(
        "tiny", "abc", "demo", IMAGES, node_n, share_n, (node_n == IMAGES.node_n).astype(np.int64), (), {}, ()
    )


def make_text(name: str, run: RunOutputs, seeds: tuple[int, ...] = ()) -> TextEvaluation:
    outcome = Correctness(run.right_n, run.right_n, {}, 1 - run.right_n)
    predictions = ImagePredictions(run.node_n[:, None], {})
    return summarise(name, seeds, [predictions], [outcome], Labels(IMAGES.node_n, CLASS_N), None, TREE)


RUNS = {"A": make_run([0, 0, 1, 2, 2, -1]), "B": make_run([0, 1, 1, 1, 0, 0])}


def test_examples_are_of_both_outcomes() -> None:
    a_right, b_right = make_example_sets(RUNS, TREE, lambda name: name.encode())
    assert (a_right.title, a_right.of, a_right.among) == ("A right, B wrong", 2, 6)
    assert sorted(example.source for example in a_right.examples) == ["1.jpg", "4.jpg"]
    assert (b_right.title, b_right.of) == ("B right, A wrong", 1)
    (example,) = b_right.examples
    assert (example.source, example.label.name, example.thumbnail) == ("3.jpg", "dog", b"3.jpg")
    answers = [(one.run, one.taxon and one.taxon.name, one.share, one.is_right) for one in example.answers]
    assert answers == [("B", "dog", 0.75, True), ("A", "fox", 0.75, False)]


def test_a_single_run_shows_what_is_wrong() -> None:
    (wrong,) = make_example_sets({"A": RUNS["A"]}, TREE, lambda name: None, most=1)
    assert (wrong.title, wrong.of, len(wrong.examples)) == ("Wrong", 2, 1)
    (every,) = make_example_sets({"A": RUNS["A"]}, TREE, lambda name: None)
    unnamed = next(example for example in every.examples if example.source == "5.jpg")
    assert unnamed.answers[0].taxon is None and unnamed.answers[0].share is None


@pytest.mark.parametrize(("features", "drawn"), [({"tiny": np.eye(6)}, 1), ({"tiny": np.ones((6, 2))}, 0), ({}, 0)])
def test_what_cannot_be_drawn_is_a_note(features: Mapping[str, np.ndarray], drawn: int) -> None:
    texts = (make_text("A", RUNS["A"]), make_text("B", RUNS["B"], seeds=(3, 4)))
    evaluation = Evaluation("s", "2025-06-01", "1", "tiny", "abc", "demo", "list", 3, 6, 3, texts, ("skipped",))
    figures = make_figures(evaluation, list(RUNS.values()), features, TREE, lambda name: None)
    assert [run.name for run in figures.runs] == ["A", "B"] and len(figures.maps) == drawn
    assert figures.runs[0].confusions[-1].n_right == 4 and figures.demos == ("demo",)
    assert figures.notes[0] == "skipped"
    assert figures.notes[-1] == "B: measures are means over 2 seeds; the other figures are of seed 3"
    assert ("no map of the embeddings: all embeddings are equal" in figures.notes) == (bool(features) and not drawn)


def test_images_that_one_model_refuses_are_not_compared() -> None:
    refused = [0, 4]
    rows = [row for row in range(6) if row not in refused]
    names = LabelledNames(tuple(IMAGES.sources[row] for row in rows), IMAGES.node_n[rows], CLASS_N[rows])
    full = RUNS["B"]
    fewer = replace(
        full, images=names, node_n=full.node_n[rows], share_n=full.share_n[rows], right_n=full.right_n[rows]
    )
    a_right, b_right = make_example_sets({"A": RUNS["A"], "B": fewer}, TREE, lambda name: None)
    assert [example.source for example in a_right.examples] == ["1.jpg"] and a_right.among == 4
    assert [example.source for example in b_right.examples] == ["3.jpg"]
