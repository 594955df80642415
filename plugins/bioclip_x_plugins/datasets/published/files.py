"""Reads the small text files of published data sets, and says where to get what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bioclip_x.plugin import (
    ImageFiles,
    PublishedSource,
    TrainingError,
    guess_delimiter,
    is_left_out,
    read_delimited_rows,
    read_lines,
)


def require(root: Path, source: PublishedSource, *names: str) -> None:
    """Raises TrainingError, with where to get the data set, for the first of the files and folders that is not there."""
    missing = next((name for name in names if not (root / name).exists()), None)
    if missing is not None:
        raise make_missing_error(root, missing, source)


def make_missing_error(root: Path, missing: str, source: PublishedSource) -> TrainingError:
    what = f"has no {missing}" if root.is_dir() else f"is no folder; expected {missing} in it"
    return TrainingError(
        f"data: {root} {what}. Get {source.title} from {source.url}, unpack it, and give its folder as the option root: "
        f"root={source.folder} (with {', '.join(source.files)})"
    )


def read_pairs(path: Path) -> dict[str, str]:
    """Reads lines of a key, white space and a value, as in images.txt of CUB-200-2011, in order.

    Raises TrainingError with the line for one without a value, or a key that is repeated.
    """
    pairs: dict[str, str] = {}
    for number, line in enumerate(read_lines(path, TrainingError), 1):
        if not line.strip():
            continue
        key, _, value = line.strip().partition(" ")
        if not value.strip():
            raise TrainingError(f"data: {path}, line {number}: expected a key and a value, found {line.strip()!r}")
        if key in pairs:
            raise TrainingError(f"data: {path}, line {number}: {key!r} is listed twice")
        pairs[key] = value.strip()
    return pairs


def look_up(pairs: dict[str, str], key: str, path: Path) -> str:
    """Returns the value of a key of `read_pairs`. Raises TrainingError that names the file for a key that it lacks."""
    if key not in pairs:
        raise TrainingError(f"data: {path} has no line for {key!r}")
    return pairs[key]


def read_rows(path: Path, *columns: str) -> Iterator[dict[str, str]]:
    """Reads a table with a header, CSV or TSV, row by row. Raises TrainingError if it lacks one of `columns`."""
    lines = read_lines(path, TrainingError)
    first = next(lines, "")
    delimiter = guess_delimiter(first)

    def iterate() -> Iterator[str]:
        yield first
        yield from lines

    rows = read_delimited_rows(iterate(), f"data: {path}", TrainingError, delimiter=delimiter)
    header = [cell.strip() for cell in next(rows, (1, []))[1]]
    if lacking := [column for column in columns if column not in header]:
        raise TrainingError(f"data: {path} has no column {lacking[0]!r}; it has {', '.join(header)}")
    for _, row in rows:
        if row:
            yield dict(zip(header, (cell.strip() for cell in row)))


def list_folders(root: Path) -> list[Path]:
    """Lists the folders of classes, sorted by name. Raises TrainingError if there is none."""
    folders = sorted(one for one in root.iterdir() if one.is_dir() and not is_left_out(one.name))
    if not folders:
        raise TrainingError(f"data: {root} has no folders of classes")
    return folders


def list_images(folder: Path) -> list[str]:
    """Lists the image files of a folder by their suffix, sorted."""
    suffixes = ImageFiles().suffixes
    return sorted(str(one) for one in folder.iterdir() if one.suffix.lower() in suffixes)
