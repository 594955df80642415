"""Reads lists of labels: names separated by commas, a file with one per line, or a table with a column of them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bioclip_x.errors import RecipeError
from bioclip_x.io.delimited import DELIMITERS, guess_delimiter, read_delimited_rows, take_first_line
from bioclip_x.io.files import read_text

COLUMNS: Final = (
    "label", "labels", "class_name", "class", "name", "scientific_name", "species", "common_name", "taxon", "category",
)  # fmt: skip
"""Column names that a table's header is recognised by; of several, the first of these holds the labels."""
_TABLES: Final = (".csv", ".tsv", ".tab")
_FILES: Final = (*_TABLES, ".txt", ".yaml", ".yml", ".json")


def read_labels(labels: str, flag: str = "--labels", folder: Path = Path()) -> tuple[str, ...]:
    """Reads labels: the file of this name if there is one, else names separated by commas.

    In a file of one label per line, a comma is part of the label. In a CSV or TSV, a header with one of `COLUMNS` chooses the
    column; without a header there is one column only.

    flag: for errors. folder: which relative paths start from.

    Raises RecipeError where there are no labels, for a folder, a file that cannot be read, a table without a recognised column,
    and a missing file if `labels` looks like a path.
    """
    path = folder / labels
    if labels and os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir, no error for names that are too long
        raise RecipeError(f"{flag} {labels} is a folder; expected names separated by commas, or a file of them")
    if os.path.isfile(path):  # noqa: PTH113
        parts = _read_file(path)
    elif "," not in labels and (Path(labels).suffix.lower() in _FILES or Path(labels).name != labels):
        raise RecipeError(f"{flag} {labels}: no such file; expected names separated by commas, or a file of them")
    else:
        parts = iter(labels.split(","))
    stripped = tuple(part.strip() for part in parts if part.strip())
    if not stripped:
        raise RecipeError(f"{flag} {labels!r} names nothing; expected names separated by commas, or a file of them")
    return stripped


def _read_file(path: Path) -> Iterator[str]:
    text = read_text(path, RecipeError)
    lines = io.StringIO(text, newline="" if path.suffix.lower() in _TABLES else None)
    return _read_table(path, lines, take_first_line(text)) if path.suffix.lower() in _TABLES else lines


def _read_table(path: Path, lines: io.StringIO, first: str) -> Iterator[str]:
    rows = read_delimited_rows(lines, str(path), RecipeError, delimiter=guess_delimiter(first, DELIMITERS))
    filled = [row for _, row in rows if any(cell.strip() for cell in row)]
    header = [cell.strip().lower().replace(" ", "_") for cell in filled[0]] if filled else []
    column = next((header.index(name) for name in COLUMNS if name in header), None)
    if column is None and any(len(row) > 1 for row in filled):
        raise RecipeError(
            f"{path}: none of its columns ({', '.join(filled[0])}) holds labels; name one of them {COLUMNS[0]!r}, or give a "
            "tree with --taxonomy"
        )
    for row in filled if column is None else filled[1:]:
        yield row[column or 0] if len(row) > (column or 0) else ""
