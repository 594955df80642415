from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.errors import PluginError
from bioclip_x.inference.excluded import Named, find_excluded_images
from bioclip_x.records import Logits
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.scoring.rollup import roll_up


def found(computed: list[list[float]], offsets: list[float], *, may_exclude: bool = False) -> list[bool]:
    """The images without a class, of a scorer's logits and one adjustment's offsets."""
    raw = Logits.of(torch.tensor(computed))
    adjusted = Logits.of(torch.tensor(computed) + torch.tensor(offsets))
    scores = roll_up(adjusted, from_labels(["a", "b"]))
    return find_excluded_images(scores, adjusted, raw, Named("mine", "flat", ["x.jpg", "y.jpg"], may_exclude))


def test_images_whose_classes_are_all_excluded() -> None:
    assert found([[0.0, 1.0], [1.0, -math.inf]], [-math.inf, 0.0]) == [False, True]
    assert found([[-math.inf, -math.inf], [0.0, 0.0]], [0.0, 0.0], may_exclude=True) == [True, False]


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([math.nan, 0.0], "returned the float nan from logits at x.jpg; expected numbers below infinity"),
        ([math.inf, 0.0], "returned the float inf from logits at x.jpg; expected numbers below infinity"),
        (
            [-math.inf, -math.inf],
            "returned the float -inf from logits at x.jpg; expected a finite number for at least one class",
        ),
    ],
)
def test_a_scorer_that_computes_no_scores_is_named(logits: list[float], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        found([logits, [0.0, 0.0]], [0.0, 0.0])


def test_a_head_that_returns_nan_is_named() -> None:
    logits = Logits.of(torch.zeros(1, 2))
    scores = roll_up(logits, from_labels(["a", "b"]))
    scores.log_top_BK[:] = np.nan
    with pytest.raises(PluginError, match=r"returned the float nan from decide at x\.jpg; expected a finite log-prob"):
        find_excluded_images(scores, logits, logits, Named("mine", "flat", ["x.jpg"], may_exclude=False))


@pytest.mark.parametrize("head", ["flat", "rollup", "hedge", "crm", "crm:over=nodes"])
def test_an_image_without_a_class_is_a_row(tmp_path: Path, head: str) -> None:
    from bioclip_x import Classifier

    (tmp_path / "tree.csv").write_text(
        "family,species\nCanidae,Vulpes vulpes\nCanidae,Canis lupus\nMustelidae,Meles meles\n"
    )
    (tmp_path / "park.txt").write_text("Vulpes vulpes\nCanis lupus\n")
    (tmp_path / "scores.csv").write_text("image,Vulpes vulpes,Canis lupus,Meles meles\n1.jpg,0,0,1\n2.jpg,0.6,0.4,0\n")
    classifier = Classifier(
        scorer=f"external:file={tmp_path / 'scores.csv'}",
        taxonomy=tmp_path / "tree.csv",
        adjust=f"species-list:file={tmp_path / 'park.txt'}",
        head=head,
    )
    none, fox = classifier.classify(None)
    assert (none.refused, none.predictions) == ("none of the listed classes", ())
    assert not fox.refused and fox.predictions[0].taxon.name in ("Vulpes vulpes", "Canidae")
