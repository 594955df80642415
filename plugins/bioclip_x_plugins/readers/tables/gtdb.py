"""Lineages of prefixed ranks in one cell, as the Genome Taxonomy Database (GTDB) writes them, a genome a line:

    GB_GCA_001420305.1	d__Bacteria;p__Pseudomonadota;…;f__Moraxellaceae;g__Acinetobacter;s__Acinetobacter baumannii

With or without accessions before them. With a header (GTDB-Tk's summaries, QIIME's taxonomies) the column is found by its
name. A prefix without a name is a rank that the lineage lacks. A taxon stands in one place: under two parents it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioclip_x.plugin import Details, Findings, Taxonomy, TaxonomyBuilder, TaxonomyError
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.tables.lineages import complete_species_name

PREFIXES: Final = {
    "d": "domain", "k": "kingdom", "p": "phylum", "c": "class", "o": "order", "f": "family", "g": "genus", "s": "species",
}  # fmt: skip
COLUMNS: Final = frozenset({"gtdb_taxonomy", "classification", "taxonomy", "taxon", "lineage"})
"""What tables with a header call the column of lineages."""

_LINEAGE = re.compile(r"[dk]__[^;\t]*(?:;\s*[a-z]__[^;\t]*)*;?\s*")
_RANK = re.compile(r"([a-z])__(.*)", re.DOTALL)

Lineage = tuple[tuple[str, str], ...]
"""(rank, name) from the top, ranks without name left out."""


class GtdbReader:
    """GTDB's lineages (d__…;p__…;…;s__…)."""

    def sniff(self, path: Path, head: bytes) -> bool:
        return any(_LINEAGE.fullmatch(cell) for line in split_head_lines(head, 2) for cell in line.split("\t"))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: columns too many, a rank that is none or out of order, two parents."""
        findings = Findings(str(path))
        genomes: dict[Lineage, _Genomes] = {}
        parent_of: dict[tuple[str, str], tuple[Lineage, int]] = {}
        for line, accession, cell in _rows(path, findings):
            lineage = _lineage(cell, line, findings)
            if not lineage:
                continue
            _find_second_parents(lineage, line, parent_of, findings)
            genomes.setdefault(lineage, _Genomes(line)).accessions.append(accession)
        findings.raise_errors()
        if not genomes:
            raise TaxonomyError(f"{path} is empty; expected a lineage d__…;p__…;…;s__… a line")
        builder = TaxonomyBuilder()
        for lineage, listed in genomes.items():
            builder.add_lineage(lineage, listed.details(), line=listed.line)
        return builder.build(str(path), findings=findings)


@dataclass(slots=True)
class _Genomes:
    """Of one lineage: the line of the first, and the accessions of all ("" where a file has none)."""

    line: int
    accessions: list[str] = field(default_factory=list)

    def details(self) -> Details:
        named = [accession for accession in self.accessions if accession]
        extra = {"genomes": str(len(named))} if len(named) > 1 else {}
        return Details(ids={"gtdb": named[0]} if named else {}, extra=extra)


def _rows(path: Path, findings: Findings) -> Iterator[tuple[int, str, str]]:
    """(line, accession, lineage); the column of lineages is the last of two, or of one, or the one that a header names."""
    column: int | None = None
    for line, text in read_text_lines(path):
        cells = [cell.strip() for cell in text.split("\t")]
        if column is None and "__" not in text:
            names = [cell.lower() for cell in cells]
            column = next((i for i, name in enumerate(names) if name in COLUMNS), None)
            if column is not None:
                continue
        if column is not None:
            if len(cells) > column:
                yield line, cells[0] if column else "", cells[column]
            else:
                findings.error("columns", f"expected {column + 1} columns or more, got {len(cells)}", line)
        elif len(cells) > 2:
            findings.error("columns", f"expected an accession and a lineage, got {len(cells)} columns", line)
        else:
            yield line, cells[0] if len(cells) == 2 else "", cells[-1]


def _lineage(cell: str, line: int, findings: Findings) -> Lineage:
    """Empty, with a finding, where it is none."""
    found: dict[str, str] = {}
    for part in cell.rstrip("; ").split(";"):
        match = _RANK.fullmatch(part.strip())
        if not match or match[1] not in PREFIXES:
            findings.error(
                "rank", f"expected d__, p__, c__, o__, f__, g__ or s__ and a name, got {part.strip()[:40]!r}", line
            )
            return ()
        rank = PREFIXES[match[1]]
        above = list(found)
        if rank in found or _is_above(rank, above):
            findings.error("rank order", f"the {rank} stands below the {above[-1]}; expected d__ to s__ in order", line)
            return ()
        found[rank] = " ".join(match[2].split())
    if found.get("species"):
        found["species"] = complete_species_name(found["species"], found.get("genus", ""))
    lineage = tuple((rank, name) for rank, name in found.items() if name)
    if not lineage:
        findings.error("no name", "no name at any rank", line)
    return lineage


def _is_above(rank: str, ranks: Sequence[str]) -> bool:
    order = list(PREFIXES.values())
    return bool(ranks) and order.index(rank) < order.index(ranks[-1])


def _find_second_parents(
    lineage: Lineage, line: int, parent_of: dict[tuple[str, str], tuple[Lineage, int]], findings: Findings
) -> None:
    """Names are unique at their rank in GTDB, homonyms too (Pseudomonas_E), so that a second place is a mistake."""
    for depth, taxon in enumerate(lineage):
        above = lineage[:depth]
        first, seen = parent_of.setdefault(taxon, (above, line))
        if first[-1:] != above[-1:]:
            here, there = (" ".join(place[-1]) if place else "nothing" for place in (above, first))
            message = f"{' '.join(taxon)} stands below {here}, and in line {seen} below {there}"
            findings.error("several parents", message, line)
