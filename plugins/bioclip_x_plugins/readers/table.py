"""Tables with rank columns: comma, semicolon or tab separated, UTF-8 or UTF-16.

    kingdom,phylum,class,order,family,genus,species,common_name,common_name_de
    Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,Eurasian blue tit,Blaumeise

Columns in any case; `cls` for class; `species` with or without the genus, or `specific_epithet`; several common names in
one cell separated by `|`; other columns are kept as extras. A blank rank is a rank that the lineage lacks; a row whose
last ranks are blank is a class at the rank it reaches.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from bioclip_x.errors import TaxonomyError
from bioclip_x.files import read_text
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.readers.lineages import column_roles, from_records, refuse_twins

DELIMITERS = "\t,;"


class TableReader:
    """CSV and TSV with a column per rank."""

    def sniff(self, path: Path, head: bytes) -> bool:
        encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        header = _header(head.decode(encoding, "ignore"))
        if (
            not header
            or path.suffix.lower() in (".yaml", ".yml", ".json")
            or header.lstrip().startswith(("{", "[", "(", "<", "-"))
        ):
            return False
        columns = header.split(_delimiter(header))
        return any(role in ("rank", "epithet") for role, _ in column_roles(c.strip('"') for c in columns).values())

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        text = read_text(path, TaxonomyError)
        if not text.strip():
            raise TaxonomyError(f"{path} is empty; expected a table of taxa")
        return from_records(_records(path, text), str(path))


def _header(text: str) -> str:
    return io.StringIO(text, newline="").readline().rstrip("\r\n")


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _records(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    # Not splitlines(): U+2028, U+0085 and form feeds are part of a cell, and end no row.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(_header(text)), strict=True)
    try:
        columns = next(rows)
        repeated = {c for c in columns if c and columns.count(c) > 1}
        if repeated:
            raise TaxonomyError(f"{path}, line 1: the column {min(repeated)!r} stands there twice")
        refuse_twins(f"{path}, line 1", column_roles(columns))
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
                raise TaxonomyError(f"{where}: {len(row)} cells under {len(columns)} columns; is a name unquoted?")
            yield where, {column: cell for column, cell in zip(columns, row) if column}
    except csv.Error as problem:
        raise TaxonomyError(f"{path}, line {rows.line_num}: not valid CSV: {problem}") from None
