"""The labels of a classifier, and which of them refuse an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bioclip_x.plugin import ModelError, list_some, read_labels

REFUSED: Final = ("background", "blank")
"""Labels that refuse, where a model has them, unless others are named."""


def read_label_file(path: Path) -> tuple[str, ...]:
    """Reads a file of one label per line, or a table with a column of them, in the order of the scores. Raises ModelError."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file; expected the model's labels, one per line, in the order of its scores")
    return read_labels(str(path), "labels")


def check_refused(refuse: Sequence[str] | None, labels: Sequence[str], where: str) -> None:
    """Raises ModelError for labels that are to refuse, and that the model does not have."""
    if missing := [label for label in refuse or () if label not in labels]:
        raise ModelError(
            f"{where}: refuse: {list_some(missing)} is none of its {len(labels)} labels ({list_some(labels, 3)})"
        )


def check_number(found: int, labels: Sequence[str], where: str) -> None:
    """Raises ModelError for a model with another number of scores."""
    if found != len(labels):
        raise ModelError(f"{where} has {found} scores and {len(labels)} labels; expected one label for each score")
