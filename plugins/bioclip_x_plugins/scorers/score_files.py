"""Files of another classifier's scores: CSV, TSV, Parquet, npz.

Wide: a row an image, a column a class, and a column that names the image (the first, or one called so). Long: the columns
image, class and score, a row for each. npz: `images` [n], `classes` [m] and `scores` [n, m].

Legend: n images, m columns.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from csv import reader
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from bioclip_x.plugin import ScoresError, list_some, read_text

IMAGE: Final = (
    "file_name",
    "filename",
    "image",
    "images",
    "path",
    "file",
    "picture",
    "filepath",
    "image_path",
    "file_names",
)
CLASS: Final = ("classification", "class_name", "label", "labels", "name", "taxon", "species", "classes", "class")
"""The rank "class" last: lists of predictions have all ranks beside the name."""
SCORE: Final = ("score", "scores", "probability", "probabilities", "confidence", "logit", "logits")
PARQUET: Final = (".parquet", ".pq")
TOO_LARGE: Final = 1e30
"""What float32 cannot take sums of."""
LARGEST: Final = 1 << 31
"""Scores that are held at most."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """images: n names. columns: m names of classes. values_nm: float64 [n, m], as they stand; nan where a long file has none."""

    images: tuple[str, ...]
    columns: tuple[str, ...]
    values_nm: npt.NDArray[np.float64]
    is_long: bool = False


def read_scores(path: Path) -> ScoreTable:
    """Raises ScoresError naming the row for a score that is missing or no number, and for an image or class given twice."""
    if not path.is_file():
        raise ScoresError(f"the scores {path} are not there; expected a .csv, .tsv, .parquet or .npz file")
    table = _read_npz(path) if path.suffix.lower() == ".npz" else _convert_table(path, _read_table(path))
    if not table.images or not table.columns:
        what = "no image" if not table.images else "no class"
        raise ScoresError(f"{path} has {what}; expected a row for each image and a column for each class")
    for what, names in (("the image", table.images), ("the class", table.columns)):
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise ScoresError(f"{path} has {what} {list_some(twice, 3)} more than once")
    _check(path, table)
    return table


def _check(path: Path, table: ScoreTable) -> None:
    wrong_nm = ~(table.values_nm < TOO_LARGE)  # nan too; -inf is a class that cannot be
    if table.is_long:
        wrong_nm &= ~np.isnan(table.values_nm)
    if wrong_nm.any():
        row, column = (int(at[0]) for at in np.nonzero(wrong_nm))
        raise ScoresError(
            f"{path}, {table.images[row]}: the score of {table.columns[column]!r} is {table.values_nm[row, column]}; "
            f"expected a number ({int(wrong_nm.sum())} are none)"
        )


def _read_table(path: Path) -> pa.Table:
    """All columns as strings or numbers, as the file has them."""
    try:
        if path.suffix.lower() in PARQUET:
            return parquet.read_table(path)
        text = read_text(path, ScoresError)
        if not text.strip():
            raise ScoresError(f"{path} is empty; expected a row for each image and a column for each class")
        header = text.split("\n", 1)[0]
        options = csv.ParseOptions(delimiter=max(",;\t", key=header.count))
        names = next(reader([header], delimiter=options.delimiter))
        # Numbers only where there are numbers: "7.jpg" and "007" are names.
        kept = {name: pa.string() for place, name in enumerate(names) if _is_text(place, name, names)}
        convert = csv.ConvertOptions(
            column_types={**dict.fromkeys(names, pa.float64()), **kept}, strings_can_be_null=False
        )
        return csv.read_csv(
            pa.BufferReader(text.encode()),
            csv.ReadOptions(use_threads=False),
            parse_options=options,
            convert_options=convert,
        )
    except (pa.ArrowException, OSError) as problem:
        raise ScoresError(f"{path} cannot be read: {problem}") from None


def _is_text(place: int, name: str, names: Sequence[str]) -> bool:
    if _is_long(names):
        return name.strip().lower() not in SCORE
    return name == _find_image_column(names) or not name.strip()


def _is_long(names: Sequence[str]) -> bool:
    lower = [name.strip().lower() for name in names]
    return any(name in SCORE for name in lower) and any(name in CLASS for name in lower)


def _find_image_column(names: Sequence[str]) -> str:
    """The column that names the images: the first that is called so, else the first."""
    return next((name for name in names if name.strip().lower() in IMAGE), names[0])


def _convert_table(path: Path, table: pa.Table) -> ScoreTable:
    names = table.column_names
    if len(set(names)) < len(names):
        twice = [name for name, times in Counter(names).items() if times > 1]
        raise ScoresError(f"{path} has the column {list_some(twice, 3)} more than once")
    if not names:
        raise ScoresError(f"{path} has no columns; expected one that names the images, and one for each class")
    image = _find_image_column(names)
    if _is_long(names):
        return _convert_long_table(path, table, image)
    columns = [name for name in names if name != image and name.strip()]
    if any(table[name].null_count for name in columns):
        name = next(name for name in columns if table[name].null_count)
        row = table[name].is_null().to_pylist().index(True)
        raise ScoresError(f"{path}, row {row + _get_first_row(path)} ({table[image][row]}): the score of {name!r} is missing")
    values = [_convert_numbers(path, table[name], name) for name in columns]
    values_nm = np.stack(values, axis=1) if values else np.empty((len(table), 0))
    return ScoreTable(tuple(map(_convert_text, table[image].to_pylist())), tuple(columns), values_nm)


def _convert_long_table(path: Path, table: pa.Table, image: str) -> ScoreTable:
    lower = {name.strip().lower(): name for name in reversed(table.column_names)}
    class_column, score_column = (next(lower[name] for name in known if name in lower) for known in (CLASS, SCORE))
    images, classes = ([_convert_text(one) for one in table[name].to_pylist()] for name in (image, class_column))
    scores = _convert_numbers(path, table[score_column], score_column)
    is_blank = [not what and np.isnan(score) for what, score in zip(classes, scores.tolist())]  # an image without any
    row_of = {name: row for row, name in enumerate(dict.fromkeys(images))}
    column_of = {what: column for column, what in enumerate(dict.fromkeys(filter(None, classes)))}
    if len(row_of) * len(column_of) > LARGEST:
        raise ScoresError(
            f"{path}: {len(row_of)} images times {len(column_of)} classes are too many to hold; split the file"
        )
    values_nm = np.full((len(row_of), len(column_of)), np.nan)
    seen: set[tuple[str, str]] = set()
    for line, (name, what, score) in enumerate(zip(images, classes, scores.tolist()), start=_get_first_row(path)):
        if is_blank[line - _get_first_row(path)]:
            continue
        if not what:
            raise ScoresError(f"{path}, row {line}: the class is missing")
        if (name, what) in seen or not np.isfinite(score):
            why = "is there twice" if (name, what) in seen else f"has the score {score}; expected a number"
            raise ScoresError(f"{path}, row {line}: {what!r} of {name} {why}")
        seen.add((name, what))
        values_nm[row_of[name], column_of[what]] = score
    return ScoreTable(tuple(row_of), tuple(column_of), values_nm, is_long=True)


def _get_first_row(path: Path) -> int:
    """The number of the first row of scores: in text files the header is a row as well."""
    return 1 if path.suffix.lower() in PARQUET else 2


def _convert_numbers(path: Path, column: pa.ChunkedArray, name: str) -> npt.NDArray[np.float64]:
    try:
        found: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy().astype(np.float64)
    except pa.ArrowException:
        raise ScoresError(f"{path}: the column {name!r} holds {column.type}; expected numbers") from None
    return found


def _convert_text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _read_npz(path: Path) -> ScoreTable:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held = {name.lower(): arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as problem:
        told = (
            "save names as arrays of text, np.array(names, dtype=str)" if "Object arrays" in str(problem) else problem
        )
        raise ScoresError(f"{path} cannot be read: {told}") from None
    found = [next((held[name] for name in known if name in held), None) for known in (IMAGE, CLASS, SCORE)]
    images, classes, scores = found
    if images is None or classes is None or scores is None or not np.issubdtype(scores.dtype, np.number):
        raise ScoresError(f"{path}: expected the arrays images, classes and scores, got {', '.join(held) or 'nothing'}")
    if scores.shape != (len(images), len(classes)):
        raise ScoresError(f"{path}: expected scores of shape {(len(images), len(classes))}, got {scores.shape}")
    return ScoreTable(
        tuple(map(_convert_text, images.tolist())), tuple(map(_convert_text, classes.tolist())), scores.astype(np.float64)
    )
