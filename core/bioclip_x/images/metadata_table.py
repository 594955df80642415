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
from bioclip_x.images.remote import is_url
from bioclip_x.images.tables import PATH_COLUMNS, URL_COLUMNS, open_table, read_reference
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records import Source
from bioclip_x.records.features import Metadata

ID_COLUMNS: Final = ("id", "image_id", "media_id", "mediaid")
"""Names of columns, lower case, in the order in which they are looked for: ids of images, which are the names of their files."""

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

    rows: metadata by number of the row. paths: what each row calls its image, for tables with a column of paths or URLs.
    ids: id → row, for tables with a column of ids instead. differing: row → columns in which further rows of the same
    image say something else; these cells are left out. n_nameless: rows that name no image.
    """

    def __init__(self, file: Path, columns: Sequence[str], named: Sequence[int], *, by_id: bool) -> None:
        self.file = file
        self._columns, self._named, self._by_id = columns, frozenset(named), by_id
        self._rows: list[Sequence[Any]] = []
        self._differing: dict[int, set[str]] = {}
        self._row_of: dict[str, int] = {}
        self._rows_called: dict[str, list[tuple[Parts, bool, int]]] = {}
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
                parts, is_elsewhere = split_path(name)
                self._rows_called.setdefault(parts[-1], []).append((parts, is_elsewhere, row))

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
        fits = [(count_common(parts, of, elsewhere=e), row) for of, e, row in self._rows_called.get(parts[-1], ())]
        most = max((length for length, _ in fits), default=0)
        best = {row for length, row in fits if length == most}
        if not most:
            return None
        if len(best) > 1:
            self._found.ambiguous[parts[-1]] += 1
            return None
        return self._take_unless_shared(best.pop(), parts[-1], most == 1 and parts[-1] in shared)

    def _take_unless_shared(self, row: int, name: str, is_shared: bool) -> int | None:
        if is_shared:
            self._found.ambiguous[name] += 1
        return None if is_shared else row

    def find_shared(self, sources: Iterable[Source]) -> frozenset[str]:
        """Returns the names (ids) in the table that several of the images have."""
        known = self._row_of if self._by_id else self._rows_called
        path_of: dict[str, Parts] = {}
        shared: set[str] = set()
        for source in sources:
            parts = split_source(source)
            for key in list_ids(parts[-1]) if self._by_id else parts[-1:]:
                if key in known and path_of.setdefault(key, parts) != parts:
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
    parts = PurePosixPath(text).parts
    return tuple(dropwhile(lambda part: part == "..", parts)) or (name,), text.startswith("/") or is_url(text) or text[1:3] == ":/"


def count_common(parts: Parts, other: Parts, *, elsewhere: bool) -> int:
    """Counts the last parts that two paths have in common, 0 if one says that it is another file.

    elsewhere: whether `other` is absolute: on another machine its folders may have other names. A relative one must be the
    end of the path, or the path its end.
    """
    common = 0
    for one, two in zip(reversed(parts), reversed(other)):
        if one != two:
            break
        common += 1
    return common if elsewhere or common == min(len(parts), len(other)) else 0


def list_ids(name: str) -> Parts:
    """Returns what an id of a file may be: its name, with and without its suffix."""
    return name, PurePosixPath(name).stem


def warn_of_unmatched(results: Iterable[T], table: MetadataTable) -> Iterator[T]:
    """Yields the results, then warns in one line of images without a row, and rows without an image."""
    yield from results
    if told := table.describe():
        warnings.warn(told, stacklevel=2)
