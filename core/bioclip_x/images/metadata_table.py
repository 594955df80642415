"""Metadata of images from a table that stands beside them: which row is of which image, and what was not matched."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from bioclip_x.errors import ImageError, RecipeError
from bioclip_x.images.metadata import read_cells
from bioclip_x.images.places.remote import is_url
from bioclip_x.images.places.tables import PATH_COLUMNS, URL_COLUMNS, open_table, read_reference
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records import Source
from bioclip_x.records.features import Metadata

ID_COLUMNS: Final = ("id", "image_id", "media_id", "mediaid")
"""Names of columns, lower case, in the order in which they are looked for: ids of images, which are the names of their files."""

LONGEST_END: Final = 8
"""Number of folders and name at the end of a path by which rows are found."""
SEVERAL: Final = -1
"""Stands for a row where several could be meant."""

Parts = tuple[str, ...]
T = TypeVar("T")


@dataclass
class Matching:
    """How the images of a run and the rows of a table fitted together."""

    n_images: int = 0
    without_row: int = 0
    ambiguous: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    used: set[int] = field(default_factory=set)


class MetadataTable:
    """The rows of a table by the images that they name. Made by `read_metadata_table`.

    It finds an image's row by its whole path or URL, or by the end of its path; in a table of ids, by the name of the file.
    Cells in which several rows of one image differ are left out. `describe` tells what did not fit together so far.
    """

    def __init__(self, file: Path, columns: Sequence[str], named: Sequence[int], *, by_id: bool) -> None:
        self.file = file
        self._columns, self._named, self._by_id = columns, frozenset(named), by_id
        self._rows: list[Sequence[Any]] = []
        self._differing: dict[int, set[str]] = {}
        self._row_of: dict[str, int] = {}
        self._row_ending: dict[Parts, int] = {}
        self._n_nameless = 0
        self._found = Matching()

    def add(self, cells: Sequence[Any]) -> None:
        """Adds a row."""
        names = [name for i in self._named if i < len(cells) and (name := read_reference(cells[i]))]
        if not names:
            self._n_nameless += 1
            return
        keys = names if self._by_id else [self._locate(name) for name in names]
        row = next((self._row_of[key] for key in keys if key in self._row_of), None)
        if row is not None:
            self._compare(row, cells)
            return
        row = len(self._rows)
        self._rows.append(cells)
        for key, name in zip(keys, names):
            self._row_of[key] = row
            if not self._by_id:
                for end in list_ends(name):
                    self._row_ending[end] = row if self._row_ending.get(end, row) == row else SEVERAL

    def _locate(self, name: str) -> str:
        """Returns what is the same for every way to write a path: a relative one is relative to the table."""
        if is_url(name):
            return name
        path = name if "/" in name else name.replace("\\", "/")
        return os.path.normpath(Path(os.path.abspath(self.file)).parent / path)  # noqa: PTH100

    def _compare(self, row: int, cells: Sequence[Any]) -> None:
        """Notes the columns in which a further row of an image differs from its first."""
        before, now = (read_cells(self._columns, one, self._named) for one in (self._rows[row], cells))
        if names := {name for name in (*before, *now) if before.get(name) != now.get(name)}:
            self._differing.setdefault(row, set()).update(names)

    def find(self, source: Source, shared: frozenset[str] = frozenset()) -> Metadata:
        """Returns what the table says of an image, and counts it.

        shared: names of files that several images of the run have; a row that has no more than that name is of none of them.
        """
        self._found.n_images += 1
        row = self._find_row(source, split_source(source), shared)
        if row is None:
            self._found.without_row += 1
            return {}
        self._found.used.add(row)
        values = read_cells(self._columns, self._rows[row], self._named)
        if left_out := self._differing.get(row):
            self._found.differing += 1
            return {name: value for name, value in values.items() if name not in left_out}
        return values

    def _find_row(self, source: Source, parts: Parts, shared: frozenset[str]) -> int | None:
        if self._by_id:
            key = next((one for one in list_ids(parts[-1]) if one in self._row_of), None)
            return None if key is None else self._take_unless_shared(self._row_of[key], parts[-1], key in shared)
        exact = source.url or (os.path.abspath(source.path) if source.path else "")  # noqa: PTH100
        if exact in self._row_of:
            return self._row_of[exact]
        ends = (parts[start:] for start in range(max(0, len(parts) - LONGEST_END), len(parts)))
        end = next((end for end in ends if end in self._row_ending), None)
        if end is None:
            return None
        is_shared = len(end) == 1 and end[0] in shared
        return self._take_unless_shared(self._row_ending[end], parts[-1], is_shared)

    def _take_unless_shared(self, row: int, name: str, is_shared: bool) -> int | None:
        if is_shared or row == SEVERAL:
            self._found.ambiguous[name] += 1
            return None
        return row

    def find_shared(self, sources: Iterable[Source]) -> frozenset[str]:
        """Returns the names (ids) in the table that several of the images have."""
        path_of: dict[str, Parts] = {}
        shared: set[str] = set()
        for source in sources:
            parts = split_source(source)
            for key in list_ids(parts[-1]) if self._by_id else parts[-1:]:
                is_known = key in self._row_of if self._by_id else (key,) in self._row_ending
                if is_known and path_of.setdefault(key, parts) != parts:
                    shared.add(key)
        return frozenset(shared)

    def add_to(self, sources: Iterable[Source], shared: frozenset[str] = frozenset()) -> Iterator[Source]:
        """Yields the sources with what the table says of them, which what they say themselves precedes."""
        for source in sources:
            found = self.find(source, shared)
            yield replace(source, metadata={**found, **source.metadata}) if found else source

    def describe(self) -> str:
        """Returns in one line what did not fit together, "" if everything did."""
        found = self._found
        n_ambiguous = found.ambiguous.total()
        columns = sorted(set().union(*(self._differing[row] for row in found.used & self._differing.keys())))
        unused = len(self._rows) - len(found.used)
        without = found.without_row - n_ambiguous
        parts = [
            f"{without:,} of {pluralise(found.n_images, 'image')} without a row" if without else "",
            f"{pluralise(n_ambiguous, 'image')} whose file name is that of several rows or images, without metadata: "
            f"{list_some(list(found.ambiguous))}"
            if n_ambiguous
            else "",
            f"{pluralise(unused, 'row')} of no image" if unused else "",
            f"{pluralise(self._n_nameless, 'row')} without a name" if self._n_nameless else "",
            f"{pluralise(found.differing, 'image')} of which several rows differ; left out: {list_some(columns)}"
            if found.differing
            else "",
        ]
        return f"{self.file.name}: {'; '.join(filter(None, parts))}" if any(parts) else ""


def read_metadata_table(file: Path) -> MetadataTable:
    """Reads a CSV, TSV or Parquet file whose rows say something of images: where and when they were taken.

    A column names the image: one of paths or URLs (`PATH_COLUMNS`, `URL_COLUMNS`), else one of ids (`ID_COLUMNS`).
    Raises RecipeError for a file that cannot be read, and one without such a column.
    """
    try:
        with open_table(str(file)) as (columns, rows):
            names = [column.strip().lower() for column in columns]
            named = [i for i, name in enumerate(names) if name in (*PATH_COLUMNS, *URL_COLUMNS)]
            ids = [names.index(name) for name in ID_COLUMNS if name in names][:1]
            if not named and not ids:
                raise ImageError(
                    "expected a column that names the image (path, file_name, url, id, mediaID, …), got the columns "
                    f"{list_some(columns, 20) or 'none'}"
                )
            table = MetadataTable(file, columns, named or ids, by_id=not named)
            for cells in rows:
                table.add(cells)
            return table
    except ImageError as problem:
        raise RecipeError(f"metadata {file}: {str(problem).removeprefix(f'{file}: ')}") from None


def split_source(source: Source) -> Parts:
    """Returns the parts of an image's whole path, of its URL, or of its name."""
    return split_path(os.path.abspath(source.path) if source.path else source.name)[0]  # noqa: PTH100


def split_path(name: str) -> tuple[Parts, bool]:
    """Splits a path or URL at its separators, `/` or `\\`; returns also whether it begins at a root or a drive.

    The folders above (`..`) that it begins with are left out.

    >>> split_path("a/./b.jpg"), split_path(r"C:\\photos\\b.jpg")
    ((('a', 'b.jpg'), False), (('C:', 'photos', 'b.jpg'), True))
    """
    text = name if "/" in name else name.replace("\\", "/")
    parts = tuple(dropwhile(lambda part: part == "..", PurePosixPath(text).parts))
    return parts or (name,), text.startswith("/") or is_url(text) or text[1:3] == ":/"


def list_ends(name: str) -> list[Parts]:
    """Lists the ends of the paths of files that a path in a table may be of.

    A relative path must be the end itself. Of an absolute one any end will do: on another machine its folders have other names.

    >>> list_ends("1/a.jpg"), list_ends("/x/1/a.jpg")[1:3]
    ([('1', 'a.jpg')], [('x', '1', 'a.jpg'), ('1', 'a.jpg')])
    """
    parts, is_absolute = split_path(name)
    if not is_absolute:
        return [parts[-LONGEST_END:]]
    return [parts[start:] for start in range(max(0, len(parts) - LONGEST_END), len(parts))]


def list_ids(name: str) -> Parts:
    """Returns what an id of a file may be: its name, with and without its suffix."""
    return name, PurePosixPath(name).stem


def warn_of_unmatched(results: Iterable[T], table: MetadataTable) -> Iterator[T]:
    """Yields the results, then warns in one line of images without a row, and rows without an image."""
    yield from results
    if told := table.describe():
        warnings.warn(told, stacklevel=2)
