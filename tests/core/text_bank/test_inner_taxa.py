"""The texts of the taxa above the classes: their own descriptors, inherited ones, or their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x import Classifier
from helpers import picture

OF_CLASSES = "Parus major: [a black cap], Turdus merula: [a yellow bill]"
OF_PARIDAE = f"{OF_CLASSES}, Paridae: [a short bill]"


@pytest.mark.parametrize(
    "descriptors, inherit, note",
    [
        (OF_CLASSES, 0, "their names, for want of descriptors (18 of 18)"),
        (OF_PARIDAE, 0, "their own descriptors (1 of 18), their names, for want of descriptors (17 of 18)"),
        (
            OF_PARIDAE,
            0.5,
            "their own descriptors (1 of 18), inherited descriptors (2 of 18), "
            "their names, for want of descriptors (15 of 18)",
        ),
    ],
)
def test_top_down_with_descriptors(
    tiny_model: str, birds_csv: Path, tmp_path: Path, descriptors: str, inherit: float, note: str
) -> None:
    """The inherited ones are those of Parus and Cyanistes."""
    file = tmp_path / "d.yaml"
    file.write_text(f"{{{descriptors}}}")
    text = f"descriptors:inherit={inherit}"
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=file, head="top-down", text=[text])
    assert f"taxa above the classes: the texts are {note}" in classifier.provenance.notes
    [result] = classifier.classify(picture())
    assert result.predictions and not result.error


@pytest.mark.parametrize("builder", ["swapped", "random-words"])
def test_controls_do_without_descriptors_of_higher_taxa(
    tiny_model: str, birds_csv: Path, tmp_path: Path, builder: str
) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(f"{{{OF_CLASSES}}}")
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=file, head="top-down", text=[builder])
    [result] = classifier.classify(picture())
    assert result.predictions and not result.error


def test_missing_descriptors_are_an_error_of_classes_only(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    more = "Cyanistes caeruleus: [a blue cap], Emys orbicularis: [a shell], Quercus: [leaves], Quercus robur: [acorns]"
    file.write_text(f"{{{OF_CLASSES}, {more}}}")
    fields = {"taxonomy": birds_csv, "descriptors": file, "text": ["descriptors"], "missing": "error"}
    notes = Classifier(tiny_model, head="top-down", **fields).provenance.notes
    assert any(
        note.startswith("taxa above the classes: the texts are their own descriptors (1 of 18)") for note in notes
    )
