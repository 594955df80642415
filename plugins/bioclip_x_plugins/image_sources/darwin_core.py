"""Finds the tables of a Darwin Core Archive, by its meta.xml or the names of its files (https://dwc.tdwg.org/text/)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import (
    META_BYTES,
    Archive,
    DatasetError,
    TaxonomyError,
    find_text_encoding,
    guess_delimiter,
    parse_xml,
)
from bioclip_x_plugins.image_sources.tables import Opener, TextTable

if TYPE_CHECKING:
    from xml.etree import ElementTree

NAMESPACE: Final = "{http://rs.tdwg.org/dwc/text/}"
_NUMBER: Final = re.compile("[0-9]{1,4}")
MEDIA: Final = ("multimedia", "image")
"""Row types of the extensions of Simple Multimedia, Audubon Core and Simple Images, lower case."""
ID: Final = "id"
"""The column that joins core and extensions, in the place of a term."""
_ID_TERMS: Final = ("gbifid", "coreid", "id", "occurrenceid", "taxonid")
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", "\\\\": "\\"}


@dataclass(frozen=True)
class DwcTable:
    """A table of an archive. place_of: term in lower case, without namespace → index of its column. defaults: of blank cells."""

    table: TextTable
    place_of: Mapping[str, int]
    defaults: Mapping[str, str]

    def batches(self, terms: Mapping[str, Sequence[str]]) -> Iterator[pa.Table]:
        """Yields columns. terms: name of a column → the terms of which the first that is filled is its value."""
        used = {term for listed in terms.values() for term in listed if term in self.place_of}
        names = self.table.columns()
        column_of = {term: names[self.place_of[term]] for term in used}
        for batch in self.table.batches(sorted(set(column_of.values()))):
            yield pa.table({name: self._fill(batch, column_of, listed) for name, listed in terms.items()})

    def _fill(self, batch: pa.Table, column_of: Mapping[str, str], terms: Sequence[str]) -> pa.Array:
        values: pa.Array | pa.ChunkedArray = pa.array([""] * len(batch), pa.string())
        for term in terms:
            for given in [batch[column_of[term]]] if term in column_of else []:
                values = pc.if_else(pc.equal(values, ""), given, values)
            if default := self.defaults.get(term, ""):
                values = pc.if_else(pc.equal(values, ""), default, values)
        return values


def find_tables(archive: Archive) -> tuple[DwcTable, list[DwcTable]]:
    """Returns the core and the tables of media. Raises DatasetError for an archive without them."""
    meta = archive.find("meta.xml")
    return _read_meta(archive, meta) if meta else _find_by_name(archive)


def _find_by_name(archive: Archive) -> tuple[DwcTable, list[DwcTable]]:
    found = {name: archive.find(name) for name in ("occurrence.txt", "multimedia.txt")}
    if missing := [name for name, path in found.items() if not path]:
        raise DatasetError(
            f"gbif: {archive.path} has no {' and no '.join(missing)}, nor a meta.xml that names others; expected a Darwin Core "
            "Archive of GBIF (download format DWCA), which has both"
        )
    core, media = (_read_header(archive, path) for path in found.values())
    return core, [media]


def _read_header(archive: Archive, name: str) -> DwcTable:
    with _open(archive, name)() as stream:
        line = stream.read(1 << 20).decode("utf-8-sig", "replace").partition("\n")[0].rstrip("\r")
    delimiter = guess_delimiter(line)
    terms = [parse_term(cell.strip('" ')) for cell in line.split(delimiter)]
    id_term = next((term for term in _ID_TERMS if term in terms), "")
    if not id_term:
        raise DatasetError(f"{archive.where(name)} has no column gbifID, coreid or id, by which its rows are joined")
    quote = "" if delimiter == "\t" else '"'
    table = TextTable(archive.where(name), _open(archive, name), delimiter=delimiter, quote=quote,
                      names=_number_columns(len(terms)), skip=1)  # fmt: skip
    place_of = {term: place for place, term in reversed(list(enumerate(terms)))}
    return DwcTable(table, place_of | {ID: terms.index(id_term)}, {})


def _read_meta(archive: Archive, name: str) -> tuple[DwcTable, list[DwcTable]]:
    where = archive.where(name)
    with archive.open(name) as stream:
        text = stream.read(META_BYTES + 1)
    if len(text) > META_BYTES:
        raise DatasetError(
            f"{where} is larger than {META_BYTES >> 20} MiB; expected a short description of the archive"
        )
    root = parse_xml(text, where, DatasetError)
    elements = [(element.tag.removeprefix(NAMESPACE), element) for element in root if isinstance(element.tag, str)]
    cores = [element for tag, element in elements if tag == "core"]
    media = [
        element for tag, element in elements if tag == "extension" and parse_term(element.get("rowType", "")) in MEDIA
    ]
    if not cores or not media:
        raise DatasetError(
            f"{where} names no {'extension of images (Multimedia)' if cores else 'core table'}; expected both: ask GBIF for the "
            "download format DWCA"
        )
    folder = name.rpartition("/")[0]
    return _read_table(archive, cores[0], folder, where), [_read_table(archive, one, folder, where) for one in media]


def _read_table(archive: Archive, element: ElementTree.Element, folder: str, where: str) -> DwcTable:
    locations = [(one.text or "").strip() for one in element.iter() if one.tag.removeprefix(NAMESPACE) == "location"]
    wanted = [f"{folder}/{location}".strip("/") for location in locations]
    if len(wanted) != 1 or wanted[0] not in archive.names:
        raise DatasetError(
            f"{where}: expected one file of the archive for a table, got {', '.join(locations) or 'none'}"
        )
    place_of: dict[str, int] = {}
    defaults: dict[str, str] = {}
    for field in element:
        tag = field.tag.removeprefix(NAMESPACE) if isinstance(field.tag, str) else ""
        if tag not in ("id", "coreid", "field"):
            continue
        term = ID if tag != "field" else parse_term(field.get("term", ""))
        if (index := field.get("index")) is not None:
            if not _NUMBER.fullmatch(index.strip()):
                raise DatasetError(f"{where}: expected a number below 10,000 as index, got {index[:60]!r}")
            place_of.setdefault(term, int(index))
        if default := field.get("default"):
            defaults[term] = default
    if ID not in place_of:
        raise DatasetError(f"{where}: the table {locations[0]} has no id or coreid, by which its rows are joined")
    delimiter, quote = (_unescape(element.get(key, default)) for key, default in
                        (("fieldsTerminatedBy", ","), ("fieldsEnclosedBy", '"')))  # fmt: skip
    if len(delimiter) != 1 or len(quote) > 1:
        raise DatasetError(
            f"{where}: expected one character as fieldsTerminatedBy, and at most one as fieldsEnclosedBy"
        )
    skip = element.get("ignoreHeaderLines", "0").strip() or "0"
    if not _NUMBER.fullmatch(skip):
        raise DatasetError(f"{where}: expected a number below 10,000 as ignoreHeaderLines, got {skip[:60]!r}")
    opener, encoding = _open(archive, wanted[0]), element.get("encoding") or "utf-8"
    if not find_text_encoding(encoding):
        raise DatasetError(f"{where}: the encoding {encoding[:60]!r} is unknown; save the table as UTF-8")
    width = max(_count_cells(opener, delimiter), 1 + max(place_of.values()))
    encoding = "utf8" if find_text_encoding(encoding) == "utf-8" else encoding
    table = TextTable(archive.where(wanted[0]), opener, delimiter=delimiter, quote=quote, names=_number_columns(width),
                      skip=int(skip), encoding=encoding)  # fmt: skip
    return DwcTable(table, place_of, defaults)


def _count_cells(opener: Opener, delimiter: str) -> int:
    """Counts the cells of a table's first line, which may be more than meta.xml describes."""
    with opener() as stream:
        line = stream.read(1 << 20).partition(b"\n")[0].decode("utf-8", "replace")
    return int(line.count(delimiter)) + 1


def _number_columns(count: int) -> list[str]:
    return [f"column {number}" for number in range(count)]


def _unescape(text: str) -> str:
    return _ESCAPES.get(text, text)


def _open(archive: Archive, name: str) -> Opener:
    @contextmanager
    def open_member() -> Iterator[IO[bytes]]:
        try:
            with archive.open(name) as stream:
                yield stream
        except TaxonomyError as problem:
            raise DatasetError(str(problem)) from problem

    return open_member


def parse_term(name: str) -> str:
    """Returns the last part of a term in lower case.

    >>> parse_term("http://rs.tdwg.org/ac/terms/accessURI"), parse_term("gbifID")
    ('accessuri', 'gbifid')
    """
    return name.strip().replace("#", "/").replace(":", "/").rstrip("/").rpartition("/")[2].lower()
