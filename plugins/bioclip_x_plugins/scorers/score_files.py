"""Reads files of precomputed class scores: CSV, TSV, Parquet, npz, and SpeciesNet's and MegaDetector's JSON.

Wide: one row per image, one column per class, and a column of image names (one of IMAGE, else the first). Long: the columns
image, class and score, one row per score. npz: `images` [n], `classes` [m] and `scores` [n, m].

Legend: n images, m columns.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from bioclip_x.plugin import (
    SCORE,
    SCORES,
    BioclipXError,
    ScoresError,
    guess_delimiter,
    list_some,
    open_archive,
    read_text,
    take_first_line,
)
from bioclip_x_plugins.scorers.camera_trap_files import read_camera_trap_file

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
"""In order of preference; "class" comes last, since it may be the rank in lists of predictions with all ranks."""
SCORE_NAMES: Final = ("score", "scores", "probability", "probabilities", "confidence", "logit", "logits")
_NAMES: Final = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_null,
)
"""Types of columns of names."""
_HEADERS: Final[Mapping[tuple[int, int], Callable[[IO[bytes]], Any]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
PARQUET: Final = (".parquet", ".pq")


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """The scores of a file.

    images: n names. columns: m class names. values_nm: float64 [n, m], unchanged; nan for scores that a long file omits.
    failures: image → why it has no scores, for others than the n. descriptions: column → its lineage, if the file has it apart.
    """

    images: tuple[str, ...]
    columns: tuple[str, ...]
    values_nm: npt.NDArray[np.float64]
    is_long: bool = False
    failures: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)


def read_scores(path: Path) -> ScoreTable:
    """Reads a file of scores.

    Raises ScoresError naming the row of a missing or invalid score, and for duplicate images or classes.
    """
    if not path.is_file():
        raise ScoresError(
            f"the file of scores {path} does not exist; expected a .csv, .tsv, .parquet, .npz or .json file"
        )
    suffix = path.suffix.lower()
    table = _READERS[suffix](path) if suffix in _READERS else _convert_table(path, _read_table(path))
    if not table.images or not table.columns:
        what = "no image" if not table.images else "no class"
        raise ScoresError(f"{path} has {what}; expected a row for each image and a column for each class")
    if not all((*table.images, *table.columns)):
        raise ScoresError(f"{path} has {'a class' if all(table.images) else 'an image'} without a name")
    for what, names in (("the image", table.images), ("the class", table.columns)):
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise ScoresError(f"{path} has {what} {list_some(twice, 3)} more than once")
    _check(path, table)
    return table


def _check(path: Path, table: ScoreTable) -> None:
    wrong_nm = ~(table.values_nm < SCORE)  # includes nan; -inf is valid and excludes a class
    if table.is_long:
        wrong_nm &= ~np.isnan(table.values_nm)
    if wrong_nm.any():
        row, column = (int(at[0]) for at in np.nonzero(wrong_nm))
        raise ScoresError(
            f"{path}, {table.images[row]}: the score of {table.columns[column]!r} is {table.values_nm[row, column]}; "
            f"expected a number ({int(wrong_nm.sum())} scores are invalid)"
        )


def _read_table(path: Path) -> pa.Table:
    """Reads all columns as strings or numbers."""
    try:
        if path.suffix.lower() in PARQUET:
            return pyarrow.parquet.read_table(path)
        text = read_text(path, ScoresError)
        if not text.strip():
            raise ScoresError(f"{path} is empty; expected a row for each image and a column for each class")
        header = take_first_line(text)
        options = pyarrow.csv.ParseOptions(delimiter=guess_delimiter(header, ",;\t"))
        names = next(csv.reader([header], delimiter=options.delimiter))
        # Names are read as strings, since "007" is not a number.
        strings = {name: pa.string() for place, name in enumerate(names) if _is_text(place, name, names)}
        types = {**dict.fromkeys(names, pa.float64()), **strings}
        return _parse_csv(text, options, types)
    except (pa.ArrowException, OSError) as problem:
        raise ScoresError(f"{path} cannot be read: {problem}") from None


def _parse_csv(text: str, options: pyarrow.csv.ParseOptions, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Parses a table, with decimal commas where points do not fit and the delimiter is another character."""
    read = pyarrow.csv.ReadOptions(use_threads=False)
    problems = []
    for decimal in "." if options.delimiter == "," else ".,":
        convert = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False, decimal_point=decimal)
        try:
            return pyarrow.csv.read_csv(pa.BufferReader(text.encode()), read, options, convert)
        except pa.ArrowInvalid as problem:
            problems.append(problem)
    raise problems[0]


def _is_text(place: int, name: str, names: Sequence[str]) -> bool:
    if _is_long(names):
        return name.strip().lower() not in SCORE_NAMES
    return name == _find_image_column(names) or not name.strip()


def _is_long(names: Sequence[str]) -> bool:
    lower = [name.strip().lower() for name in names]
    return any(name in SCORE_NAMES for name in lower) and any(name in CLASS for name in lower)


def _find_image_column(names: Sequence[str]) -> str:
    """Returns the column of image names: the first whose name is in IMAGE, else the first column."""
    return next((name for name in names if name.strip().lower() in IMAGE), names[0])


def _convert_table(path: Path, table: pa.Table) -> ScoreTable:
    names = table.column_names
    if len(set(names)) < len(names):
        twice = [name for name, times in Counter(names).items() if times > 1]
        raise ScoresError(f"{path} has the column {list_some(twice, 3)} more than once")
    if not names:
        raise ScoresError(f"{path} has no columns; expected one of image names and one for each class")
    image = _find_image_column(names)
    if _is_long(names):
        return _convert_long_table(path, table, image)
    columns = [name for name in names if name != image and name.strip()]
    if any(table[name].null_count for name in columns):
        name = next(name for name in columns if table[name].null_count)
        row = table[name].is_null().to_pylist().index(True)
        raise ScoresError(
            f"{path}, row {row + _get_first_row(path)} ({table[image][row]}): the score of {name!r} is missing"
        )
    images = _convert_texts(path, table[image], image)
    values = [_convert_numbers(path, table[name], name) for name in columns]
    values_nm = np.stack(values, axis=1) if values else np.empty((len(table), 0))
    return ScoreTable(tuple(images), tuple(columns), values_nm)


def _convert_long_table(path: Path, table: pa.Table, image: str) -> ScoreTable:
    lower = {name.strip().lower(): name for name in reversed(table.column_names)}
    class_column, score_column = (
        next(lower[name] for name in known if name in lower) for known in (CLASS, SCORE_NAMES)
    )
    images, classes = (_convert_texts(path, table[name], name) for name in (image, class_column))
    scores = _convert_numbers(path, table[score_column], score_column)
    is_blank = [
        not what and np.isnan(score) for what, score in zip(classes, scores.tolist())
    ]  # an image without scores
    row_of = {name: row for row, name in enumerate(dict.fromkeys(images))}
    column_of = {what: column for column, what in enumerate(dict.fromkeys(filter(None, classes)))}
    if len(row_of) * len(column_of) > SCORES:
        raise ScoresError(
            f"{path}: {len(row_of)} images times {len(column_of)} classes are too many scores; split the file"
        )
    values_nm = np.full((len(row_of), len(column_of)), np.nan)
    seen: set[tuple[str, str]] = set()
    for line, (name, what, score) in enumerate(zip(images, classes, scores.tolist()), start=_get_first_row(path)):
        if is_blank[line - _get_first_row(path)]:
            continue
        if not what:
            raise ScoresError(f"{path}, row {line}: the class is missing")
        if (name, what) in seen or not np.isfinite(score):
            why = "occurs twice" if (name, what) in seen else f"has the score {score}; expected a number"
            raise ScoresError(f"{path}, row {line}: {what!r} of {name} {why}")
        seen.add((name, what))
        values_nm[row_of[name], column_of[what]] = score
    return ScoreTable(tuple(row_of), tuple(column_of), values_nm, is_long=True)


def _get_first_row(path: Path) -> int:
    """Returns the number of the first row of scores; in text files, the header counts as a row."""
    return 1 if path.suffix.lower() in PARQUET else 2


def _convert_numbers(path: Path, column: pa.ChunkedArray, name: str) -> npt.NDArray[np.float64]:
    try:
        values: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy().astype(np.float64)
    except pa.ArrowException:
        raise ScoresError(f"{path}: the column {name!r} has type {column.type}; expected numbers") from None
    return values


def _convert_texts(path: Path, column: pa.ChunkedArray, name: str) -> list[str]:
    """Returns names, "" for missing ones."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(is_one(kind) for is_one in _NAMES):
        raise ScoresError(f"{path}: the column {name!r} has type {column.type}; expected text")
    return ["" if value is None else str(value).strip() for value in column.to_pylist()]


def _read_npz(path: Path) -> ScoreTable:
    stored = {}
    try:
        with open_archive(path) as archive:
            for name in archive.names:
                with archive.open(name) as stream:
                    stored[name.removesuffix(".npy").lower()] = _read_array(stream)
    except BioclipXError as problem:
        raise ScoresError(str(problem)) from None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as problem:
        raise ScoresError(f"{path} cannot be read: {problem or type(problem).__name__}") from None
    images, classes, scores = (
        next((stored[name] for name in known if name in stored), None) for known in (IMAGE, CLASS, SCORE_NAMES)
    )
    if images is None or classes is None or scores is None or scores.dtype.kind not in "fiu":
        raise ScoresError(
            f"{path}: expected the arrays images, classes and scores, got {', '.join(stored) or 'nothing'}"
        )
    if any(names.ndim != 1 or names.dtype.kind not in "USiu" for names in (images, classes)):
        raise ScoresError(
            f"{path}: expected images and classes as arrays of text with one axis, got {images.dtype} {images.shape} and "
            f"{classes.dtype} {classes.shape}"
        )
    if scores.shape != (len(images), len(classes)):
        raise ScoresError(f"{path}: expected scores of shape {(len(images), len(classes))}, got {scores.shape}")
    return ScoreTable(_decode_names(path, images), _decode_names(path, classes), scores.astype(np.float64))


def _read_array(stream: IO[bytes]) -> npt.NDArray[Any]:
    """Reads an array of NumPy's format, whose size is that of its data, whatever its header says. Raises ValueError."""
    read_header = _HEADERS.get(np.lib.format.read_magic(stream))
    if read_header is None:
        raise ValueError("an array of another version of NumPy's format than 1 and 2")
    shape, is_fortran, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("save names as arrays of text, np.array(names, dtype=str)")
    raw = stream.read()
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"an array of shape {shape} and {len(raw):,} bytes, which do not fit together")
    array: npt.NDArray[Any] = np.frombuffer(raw, dtype).reshape(shape, order="F" if is_fortran else "C")
    return array


def _decode_names(path: Path, names: npt.NDArray[Any]) -> tuple[str, ...]:
    try:
        decoded = [name.decode() if isinstance(name, bytes) else str(name) for name in names.tolist()]
    except UnicodeDecodeError:
        raise ScoresError(f"{path}: its names are not valid UTF-8") from None
    return tuple(name.strip() for name in decoded)


def _read_json(path: Path) -> ScoreTable:
    read = read_camera_trap_file(path)
    scored = [image for image in read.images if image.scores]
    column_of = {
        label: place for place, label in enumerate(dict.fromkeys(label for image in scored for label in image.scores))
    }
    if len(scored) * len(column_of) > SCORES:
        raise ScoresError(
            f"{path}: {len(scored)} images times {len(column_of)} labels are too many scores; split the file"
        )
    values_nm = np.full((len(scored), len(column_of)), np.nan)
    for row, image in enumerate(scored):
        for label, score in image.scores.items():
            values_nm[row, column_of[label]] = score
    failures = {image.name: image.failure for image in read.images if not image.scores}
    images = tuple(image.name for image in scored)
    return ScoreTable(
        images, tuple(column_of), values_nm, is_long=True, failures=failures, descriptions=read.descriptions
    )


_READERS: Final[Mapping[str, Callable[[Path], ScoreTable]]] = {".npz": _read_npz, ".json": _read_json}
"""Suffix → reader, for files that are no tables."""
