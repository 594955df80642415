"""`meta.xml`, the description of the files of a Darwin Core Archive (https://dwc.tdwg.org/text/)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioclip_x.plugin import META_BYTES, Archive, TaxonomyError, parse_xml
from bioclip_x_plugins.readers.delimited import Dialect

if TYPE_CHECKING:
    from xml.etree import ElementTree

_NUMBER: Final = re.compile("-?[0-9]{1,9}")
NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", "\\n\\r": "\n", "\\\\": "\\", "\\f": "\f"}
_NEWLINES = {"\n": "\n", "\r\n": None, "\r": "\r", "": None}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A core or extension table of an archive.

    row_type: in lower case ("taxon", "vernacularname", …). files: names in the archive. id_column: index of the column that
    joins core and extensions, -1 if not given. columns: term in lower case ("scientificname") → index.
    defaults: term → value of blank cells.
    """

    row_type: str
    files: tuple[str, ...]
    dialect: Dialect
    id_column: int
    columns: Mapping[str, int]
    defaults: Mapping[str, str]


def parse_term(name: str) -> str:
    """Returns the last part of a term in lower case, from a URI, `dwc:taxonID` or a plain column name.

    >>> parse_term("http://rs.tdwg.org/dwc/terms/taxonID"), parse_term("dwc:taxonID")
    ('taxonid', 'taxonid')
    """
    return name.strip().replace("#", "/").replace(":", "/").rstrip("/").rpartition("/")[2].lower()


def read_meta(archive: Archive, name: str) -> tuple[TableFile, list[TableFile]]:
    """Returns the core and the extensions. Raises TaxonomyError for an invalid description."""
    where = archive.where(name)
    with archive.open(name) as stream:
        text = stream.read(META_BYTES + 1)
    if len(text) > META_BYTES:
        raise TaxonomyError(
            f"{where} is larger than {META_BYTES >> 20} MiB; expected a short description of the archive"
        )
    root = parse_xml(text, where, TaxonomyError)
    folder = name.rpartition("/")[0]
    core = root.find(f"{NAMESPACE}core")
    if core is None:
        core = root.find("core")
    if core is None:
        raise TaxonomyError(f"{where} describes no core file; expected <archive><core …> in {NAMESPACE.strip('{}')}")
    extensions = [e for e in root if e.tag.removeprefix(NAMESPACE) == "extension"]
    return _read_table(archive, core, folder, where), [
        _read_table(archive, e, folder, where, is_core=False) for e in extensions
    ]


def _read_table(
    archive: Archive, element: ElementTree.Element, folder: str, where: str, is_core: bool = True
) -> TableFile:
    locations = [(e.text or "").strip() for e in element.iter() if e.tag.removeprefix(NAMESPACE) == "location"]
    files = tuple(filter(None, (_find_file(archive, folder, location) for location in locations)))
    if (is_core and len(files) < len(locations)) or (is_core and not files):
        missing = ", ".join(name for name in locations if not _find_file(archive, folder, name)) or "no file is named"
        raise TaxonomyError(
            f"{where}: the core file is not in the archive: {missing}; the archive has {', '.join(archive.names[:20])}"
        )
    columns: dict[str, int] = {}
    defaults: dict[str, str] = {}
    id_column = -1
    for field in element:
        tag = field.tag.removeprefix(NAMESPACE) if isinstance(field.tag, str) else ""
        if tag in ("id", "coreid"):
            id_column = _read_number(field, "index", where, -1)
        elif tag == "field":
            key = parse_term(field.get("term", ""))
            if field.get("default"):
                defaults[key] = field.get("default", "")
            if field.get("index") is not None:
                columns[key] = _read_number(field, "index", where, -1)
    return TableFile(
        parse_term(element.get("rowType", "")), files, _read_dialect(element, where), id_column, columns, defaults
    )


def _find_file(archive: Archive, folder: str, location: str) -> str:
    """Finds a file next to meta.xml, ignoring case; "" if it is missing or a URL."""
    wanted = f"{folder}/{location}".strip("/").removeprefix("./").lower()
    return next((name for name in archive.names if name.lower() == wanted), "")


def _read_number(element: ElementTree.Element, key: str, where: str, default: int) -> int:
    text = element.get(key, str(default)).strip() or str(default)
    if not _NUMBER.fullmatch(text):  # not isdigit, which holds for "²", too
        raise TaxonomyError(f"{where}: expected a number as {key}, got {text[:60]!r}")
    return int(text)


def _read_dialect(element: ElementTree.Element, where: str) -> Dialect:
    def get_unescaped(key: str, default: str) -> str:
        value = element.get(key, default)
        return _ESCAPES.get(value, value)

    delimiter, quote, newline = (
        get_unescaped("fieldsTerminatedBy", ","),
        get_unescaped("fieldsEnclosedBy", '"'),
        get_unescaped("linesTerminatedBy", "\n"),
    )
    if len(delimiter) != 1 or len(quote) > 1 or newline not in _NEWLINES:
        raise TaxonomyError(
            f"{where}: fieldsTerminatedBy is {delimiter!r}, fieldsEnclosedBy {quote!r}, linesTerminatedBy {newline!r}; "
            "expected one character, at most one character, and a line end: save the table as tab-separated text"
        )
    header = _read_number(element, "ignoreHeaderLines", where, 0)
    return Dialect(element.get("encoding") or "utf-8", delimiter, quote, max(0, header), _NEWLINES[newline])
