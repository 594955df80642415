"""Finds the lineages in a file: in the headers of a FASTA file, or in one column of a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from bioclip_x.plugin import Findings
from bioclip_x_plugins.readers.lineage_strings.parts import PREFIXED

_TOPS: Final = (
    "Root|Bacteria|Archaea|Eukaryot[ae]|Eukarya|Viruses|Fungi|Viridiplantae|Plantae|Metazoa|Animalia|Chromista|Protista|"
    "Protozoa|unknown|unclassified"
)
_PATH = re.compile(rf'\s*"?(?i:{_TOPS})"?(?:\(\d+\))?;[^\t]*')
"""A lineage without prefixes, from a top taxon."""
_TAIL = re.compile(r"(?:^|[|\t ;])((?:d|sk|k|D_0)__.*)$")
_HYPOTHESIS = re.compile(r"SH\d+\.\d+FU")
_NCBI_COLUMNS: Final = frozenset({"ncbi_tax_id", "clade_taxid"})
_LOOKED_AT: Final = 50
"""Rows by which the column is found."""


@dataclass(frozen=True, slots=True)
class Record:
    """A lineage in a file. accession: "" for none. rank: of its last level, where the file has it in a column."""

    line: int
    text: str
    accession: str = ""
    rank: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)


def is_lineage(cell: str) -> bool:
    """Whether a cell is a lineage: with prefixes, or a path from a known top taxon."""
    return bool(PREFIXED.fullmatch(cell) or _PATH.fullmatch(cell))


def parse_header(text: str) -> tuple[str, str]:
    """Splits the header of a sequence, without ">", into accession and lineage; the lineage is "" if there is none.

    >>> parse_header("Abies_alba|AB1|SH1.08FU|refs|k__Viridiplantae;p__Anthophyta")
    ('Abies_alba|AB1|SH1.08FU|refs', 'k__Viridiplantae;p__Anthophyta')
    >>> parse_header("AB001445.1.1538 Bacteria;Firmicutes"), parse_header("AB2;tax=d:Bacteria,p:Firmicutes;")
    (('AB001445.1.1538', 'Bacteria;Firmicutes'), ('AB2', 'd:Bacteria,p:Firmicutes;'))
    """
    accession, mark, lineage = text.partition(";tax=")
    if mark:
        return accession.strip(), lineage.strip()
    if tail := _TAIL.search(text):
        return text[: tail.start(1)].strip("|;\t "), tail[1].strip()
    first, _, rest = text.strip().partition(" ")
    if ";" not in first and is_lineage(rest):
        return first, rest.strip()
    return "", text.strip() if is_lineage(text.strip()) else ""


def read_records(lines: Iterable[tuple[int, str]], findings: Findings) -> Iterator[Record]:
    """Yields the lineages of a file's lines. A line without one is an error, except comments and a table's header."""
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        return
    lines = chain([first], lines)
    yield from _read_fasta(lines, findings) if first[1].startswith(">") else _read_table(lines, findings)


def _read_fasta(lines: Iterable[tuple[int, str]], findings: Findings) -> Iterator[Record]:
    for line, text in lines:
        if not text.startswith(">"):
            continue
        accession, lineage = parse_header(text[1:])
        if not lineage:
            findings.error("no lineage", f"expected a lineage after the accession, got {text[:60]!r}", line)
            continue
        hypothesis = _HYPOTHESIS.search(accession)
        yield Record(line, lineage, accession, ids={"unite": hypothesis[0]} if hypothesis else {})


def _read_table(lines: Iterable[tuple[int, str]], findings: Findings) -> Iterator[Record]:
    rows = iter(split_rows(lines))
    looked_at = list(islice(rows, _LOOKED_AT))
    column = find_column([cells for _, cells in looked_at])
    header: list[str] = []
    for line, cells in chain(looked_at, rows):
        is_comment = cells[0].startswith("#")
        if column >= len(cells):
            if not is_comment:
                findings.error("columns", f"expected at least {column + 1} columns, got {len(cells)}", line)
        elif is_lineage(cells[column]) or (header and not is_comment):
            yield _make_record(line, cells, column, header)
        elif not header:
            header = [cell.lstrip("#").strip().lower().replace(" ", "_") for cell in cells]


def split_rows(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Splits lines at tabs, or, in a file without tabs in its first line, as CSV if a column holds a lineage then."""
    lines = iter(lines)
    first = next(lines, (0, ""))
    is_csv = "\t" not in first[1] and not is_lineage(first[1]) and "," in first[1]
    for line, text in chain([first], lines):
        cells = _split_csv(text) if is_csv else text.split("\t")
        yield line, [cell.strip() for cell in cells]


def _split_csv(text: str) -> list[str]:
    try:
        return next(csv.reader([text]))
    except csv.Error:  # such as line ends of another system within the line
        return [text]


def find_column(rows: Sequence[Sequence[str]]) -> int:
    """Returns the column with the most lineages; the last one if none has any."""
    counts = [0] * max((len(row) for row in rows), default=1)
    for row in rows:
        for column, cell in enumerate(row):
            counts[column] += is_lineage(cell)
    return counts.index(max(counts)) if any(counts) else len(counts) - 1


def _make_record(line: int, cells: Sequence[str], column: int, header: Sequence[str]) -> Record:
    def get(*names: str) -> str:
        return next((cells[i] for i, name in enumerate(header) if name in names and i < len(cells)), "")

    text = cells[column]
    if organism := get("organism_name"):  # SILVA's taxmap: the path ends above the species
        text = f"{text.rstrip('; ')};{organism}"
    ncbi = get(*_NCBI_COLUMNS).rstrip("|").rpartition("|")[2]
    ids = {"ncbi": ncbi} if ncbi.isdecimal() else {}
    accession, rank = (cells[0] if column else ""), ""
    if column == 0 and len(cells) > 2 and cells[1].isdecimal() and text.endswith(";") and cells[2].isalpha():
        ids, rank = {"silva": cells[1]}, cells[2]  # SILVA's tax_slv: path, number, rank
    return Record(line, text, accession, rank, ids)
