"""`meta.xml`, which says what the files of a Darwin Core Archive hold (https://dwc.tdwg.org/text/)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass

from bioclip_x.plugin import Archive, TaxonomyError
from bioclip_x_plugins.readers.delimited import Dialect

NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
_MOST_BYTES = 4 << 20
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", "\\n\\r": "\n", "\\\\": "\\", "\\f": "\f"}
_NEWLINES = {"\n": "\n", "\r\n": None, "\r": "\r", "": None}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A kind of table in an archive.

    row_type: "Taxon", "VernacularName", …. files: its parts, names in the archive. id_column: index of the identifier by which
    core and extensions go together, -1 where not given. columns: term in lower case ("scientificname") → index.
    defaults: term → what all rows have where their cell is blank.
    """

    row_type: str
    files: tuple[str, ...]
    dialect: Dialect
    id_column: int
    columns: Mapping[str, int]
    defaults: Mapping[str, str]


def parse_term(name: str) -> str:
    """A term by its last part, in lower case: of a URI, of `dwc:taxonID`, or of a plain column.

    >>> term("http://rs.tdwg.org/dwc/terms/taxonID"), term("dwc:taxonID")
    ('taxonid', 'taxonid')
    """
    return name.strip().replace("#", "/").replace(":", "/").rstrip("/").rpartition("/")[2].lower()


def read_meta(archive: Archive, name: str) -> tuple[TableFile, list[TableFile]]:
    """The core and the extensions. Raises TaxonomyError for what is no such description."""
    where = archive.where(name)
    with archive.open(name) as stream:
        text = stream.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise TaxonomyError(f"{where} is larger than {_MOST_BYTES >> 20} MiB; expected a description of a few files")
    if b"<!DOCTYPE" in text.replace(b"\0", b"") or b"<!ENTITY" in text.replace(b"\0", b""):
        raise TaxonomyError(
            f"{where} defines entities of its own (a DOCTYPE), which no such file needs; it is not trusted"
        )
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as problem:
        raise TaxonomyError(f"{where} is not valid XML: {problem}") from problem
    folder = name.rpartition("/")[0]
    core = root.find(f"{NAMESPACE}core")
    if core is None:
        core = root.find("core")
    if core is None:
        raise TaxonomyError(f"{where} describes no core file; expected <archive><core …> in {NAMESPACE.strip('{}')}")
    extensions = [e for e in root if e.tag.removeprefix(NAMESPACE) == "extension"]
    return _table(archive, core, folder, where), [_table(archive, e, folder, where, is_core=False) for e in extensions]


def _table(archive: Archive, element: ElementTree.Element, folder: str, where: str, is_core: bool = True) -> TableFile:
    locations = [(e.text or "").strip() for e in element.iter() if e.tag.removeprefix(NAMESPACE) == "location"]
    files = tuple(filter(None, (_file(archive, folder, location) for location in locations)))
    if (is_core and len(files) < len(locations)) or (is_core and not files):
        missing = ", ".join(one for one in locations if not _file(archive, folder, one)) or "none is named"
        raise TaxonomyError(
            f"{where} names a core file that is not in the archive: {missing}; it has {', '.join(archive.names[:20])}"
        )
    columns: dict[str, int] = {}
    defaults: dict[str, str] = {}
    id_column = -1
    for field in element:
        tag = field.tag.removeprefix(NAMESPACE) if isinstance(field.tag, str) else ""
        if tag in ("id", "coreid"):
            id_column = _number(field, "index", where, -1)
        elif tag == "field":
            key = parse_term(field.get("term", ""))
            if field.get("default"):
                defaults[key] = field.get("default", "")
            if field.get("index") is not None:
                columns[key] = _number(field, "index", where, -1)
    return TableFile(
        parse_term(element.get("rowType", "")), files, _dialect(element, where), id_column, columns, defaults
    )


def _file(archive: Archive, folder: str, location: str) -> str:
    """The file in the archive: beside meta.xml, in any case; "" where it is missing, or a web address."""
    wanted = f"{folder}/{location}".strip("/").removeprefix("./").lower()
    return next((name for name in archive.names if name.lower() == wanted), "")


def _number(element: ElementTree.Element, key: str, where: str, default: int) -> int:
    text = element.get(key, str(default)).strip() or str(default)
    if not text.lstrip("-").isdigit():
        raise TaxonomyError(f"{where}: expected a number as {key}, got {text!r}")
    return int(text)


def _dialect(element: ElementTree.Element, where: str) -> Dialect:
    def given(key: str, default: str) -> str:
        value = element.get(key, default)
        return _ESCAPES.get(value, value)

    delimiter, quote, newline = (
        given("fieldsTerminatedBy", ","),
        given("fieldsEnclosedBy", '"'),
        given("linesTerminatedBy", "\n"),
    )
    if len(delimiter) != 1 or len(quote) > 1 or newline not in _NEWLINES:
        raise TaxonomyError(
            f"{where}: fields end with {delimiter!r}, are enclosed by {quote!r}, and lines end with {newline!r}; expected one "
            "character, one or none, and a line end: save the table anew as tab-separated text"
        )
    header = _number(element, "ignoreHeaderLines", where, 0)
    return Dialect(element.get("encoding") or "utf-8", delimiter, quote, max(0, header), _NEWLINES[newline])
