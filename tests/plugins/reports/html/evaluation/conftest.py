"""Figures of an evaluation, made by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bioclip_x.records import (
    ConfusionMatrix,
    CurvePoint,
    EmbeddingMap,
    EvaluationFigures,
    Example,
    ExampleAnswer,
    ExampleSet,
    Measure,
    Neighbours,
    RunFigures,
    Taxon,
    TaxonGroup,
)

FAMILIES = ("Paridae", "Turdidae", "Anatidae")
HOSTILE = "<script>alert(1)</script>"


def make_matrix() -> ConfusionMatrix:
    """Paridae: 3 right, 1 named Turdidae; Turdidae: 1 not named; Anatidae: 2 right."""
    groups = (TaxonGroup("order", "Passeriformes", 0, 2), TaxonGroup("order", "Anseriformes", 2, 3))
    cells = np.array([(0, 0, 3), (0, 1, 1), (1, 3, 1), (2, 2, 2)]).T
    return ConfusionMatrix("family", FAMILIES, groups, *cells, unlabelled=1)


def make_run(name: str) -> RunFigures:
    return RunFigures(
        name=name,
        model="tiny",
        text=name,
        measures={"top-1": Measure(0.75, 0.5, 0.9, 8), "mistake severity": Measure(None, None, None, 0)},
        ranks=("family",),
        rank_accuracy=(CurvePoint(0, 0.75, 0.5, 0.9, 8, "family"),),
        reliability=(CurvePoint(0.55, 0.5, 0.2, 0.8, 8, "shares 50% to 60%"),),
        calibration={"ECE": Measure(0.05, None, None, 8)},
        depth=(
            CurvePoint(1.0, 0.9, 0.7, 0.95, 8, "share at least 90%"),
            CurvePoint(2.0, 0.75, 0.5, 0.9, 8, "the best"),
        ),
        confusions=(make_matrix(),),
    )


def make_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def figures() -> EvaluationFigures:
    tit, thrush = (Taxon("species", name, (("species", name),)) for name in ("Parus major", "Turdus merula"))
    answers = (ExampleAnswer("A", tit, 0.9, True), ExampleAnswer(HOSTILE, thrush, None, False))
    drawn = EmbeddingMap(
        "tiny", "t-SNE", 8, ("a.jpg", "b.jpg", HOSTILE), np.array([(0.0, 0.0), (1.0, 2.0), (0.5, 1.0)]),
        {"family": ("Paridae", "Turdidae", "")}, {"family": Neighbours(0.5, 0.1, 0.9, 2, 0.25)},
    )  # fmt: skip
    return EvaluationFigures(
        source="photos", date="2025-06-01", version="1.0", models=(("tiny", "abc"),), demos=("drawings only",),
        taxonomy="birds.csv (12ab)", n_classes=5, n_images=8, n_true_classes=4, runs=(make_run("A"), make_run(HOSTILE)),
        maps=(drawn,),
        examples=(
            ExampleSet("A right", 3, 8, (Example("a.jpg", tit, answers, make_jpeg()), Example("b.jpg", tit, answers))),
            ExampleSet("Nothing to show", 0, 8, ()),
        ),
        notes=("2 images skipped",), files=("figures.json",),
    )  # fmt: skip
