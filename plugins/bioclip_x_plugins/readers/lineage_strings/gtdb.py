"""Lineages of rank-prefixed names in one cell, the format of the Genome Taxonomy Database (GTDB), one genome per line:

    GB_GCA_001420305.1	d__Bacteria;p__Pseudomonadota;…;f__Moraxellaceae;g__Acinetobacter;s__Acinetobacter baumannii

The accession is optional. In files with a header (GTDB-Tk summaries) the column is found by its name. A prefix
without a name is a rank missing from the lineage. A taxon under two parents is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    Details,
    Findings,
    FormatExample,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
)
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.vocabulary.epithets import complete_species_name

PREFIXES: Final = {
    "d": "domain", "k": "kingdom", "p": "phylum", "c": "class", "o": "order", "f": "family", "g": "genus", "s": "species",
}  # fmt: skip
COLUMNS: Final = frozenset({"gtdb_taxonomy", "classification", "taxonomy", "taxon", "lineage"})
"""Names of the lineage column in files with a header."""

_LINEAGE = re.compile(r"d__[^;\t]*;p__[^;\t]*;c__[^;\t]*;o__[^;\t]*;f__[^;\t]*;g__[^;\t]*;s__(?:[^;\t_ ]\S* [^;\t]+)?")
"""All ranks in order without spaces between them, and names of species with spaces in them."""
_RANK = re.compile(r"([a-z])__(.*)", re.DOTALL)

Lineage = tuple[tuple[str, str], ...]
"""(rank, name) pairs from the highest rank down, without missing ranks."""


class GtdbReader:
    """Reads GTDB lineages (d__…;p__…;…;s__…)."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "bac120_taxonomy.tsv",
            {
                "bac120_taxonomy.tsv": "GB_GCA_001420305.1\td__Bacteria;p__Pseudomonadota;c__Gammaproteobacteria;"
                "o__Pseudomonadales;f__Moraxellaceae;g__Acinetobacter;s__Acinetobacter baumannii\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        return any(_LINEAGE.fullmatch(cell.strip()) for line in split_head_lines(head, 2) for cell in line.split("\t"))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: too many columns, an unknown or misplaced rank, a taxon with two parents."""
        findings = Findings(str(path))
        genomes: dict[Lineage, _Genomes] = {}
        parent_of: dict[tuple[str, str], tuple[Lineage, int]] = {}
        for line, accession, cell in _read_rows(path, findings):
            lineage = _parse_lineage(cell, line, findings)
            if not lineage:
                continue
            _check_parents(lineage, line, parent_of, findings)
            genomes.setdefault(lineage, _Genomes(line)).accessions.append(accession)
        findings.raise_errors()
        if not genomes:
            raise TaxonomyError(f"{path} is empty; expected a lineage d__…;p__…;…;s__… on each line")
        builder = TaxonomyBuilder()
        for lineage, genomes_of_lineage in genomes.items():
            builder.add_lineage(lineage, genomes_of_lineage.make_details(), line=genomes_of_lineage.line)
        return builder.build(str(path), findings=findings)


@dataclass(slots=True)
class _Genomes:
    """The genomes of one lineage: the line of the first, and all accessions ("" if the file has none)."""

    line: int
    accessions: list[str] = field(default_factory=list)

    def make_details(self) -> Details:
        accessions = [accession for accession in self.accessions if accession]
        extra = {"genomes": str(len(accessions))} if len(accessions) > 1 else {}
        return Details(ids={"gtdb": accessions[0]} if accessions else {}, extra=extra)


def _read_rows(path: Path, findings: Findings) -> Iterator[tuple[int, str, str]]:
    """Yields (line, accession, lineage). The lineage is in the column named by a header, else in the last of one or two."""
    column: int | None = None
    for line, text in read_text_lines(path, findings):
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
                findings.error("columns", f"expected at least {column + 1} columns, got {len(cells)}", line)
        elif len(cells) > 2:
            findings.error("columns", f"expected an accession and a lineage, got {len(cells)} columns", line)
        else:
            yield line, cells[0] if len(cells) == 2 else "", cells[-1]


def _parse_lineage(cell: str, line: int, findings: Findings) -> Lineage:
    """Parses a lineage; reports an error and returns () if it is invalid."""
    names: dict[str, str] = {}
    for part in cell.rstrip("; ").split(";"):
        match = _RANK.fullmatch(part.strip())
        if not match or match[1] not in PREFIXES:
            findings.error(
                "rank", f"expected d__, p__, c__, o__, f__, g__ or s__ and a name, got {part.strip()[:40]!r}", line
            )
            return ()
        rank = PREFIXES[match[1]]
        ranks = list(names)
        if rank in names or _is_above(rank, ranks):
            findings.error("rank order", f"the {rank} follows the {ranks[-1]}; expected d__ to s__ in order", line)
            return ()
        names[rank] = " ".join(match[2].split())
    if names.get("species"):
        names["species"] = complete_species_name(names["species"], names.get("genus", ""))
    lineage = tuple((rank, name) for rank, name in names.items() if name)
    if not lineage:
        findings.error("no name", "no name at any rank", line)
    return lineage


def _is_above(rank: str, ranks: Sequence[str]) -> bool:
    order = list(PREFIXES.values())
    return bool(ranks) and order.index(rank) < order.index(ranks[-1])


def _check_parents(
    lineage: Lineage, line: int, parent_of: dict[tuple[str, str], tuple[Lineage, int]], findings: Findings
) -> None:
    """Reports taxa with two parents as errors: GTDB names are unique within their rank (homonyms get a suffix, Pseudomonas_E)."""
    for depth, taxon in enumerate(lineage):
        higher_taxa = lineage[:depth]
        first, first_line = parent_of.setdefault(taxon, (higher_taxa, line))
        if first[-1:] != higher_taxa[-1:]:
            here, there = (" ".join(taxa[-1]) if taxa else "nothing" for taxa in (higher_taxa, first))
            message = f"{' '.join(taxon)} is below {here}, but in line {first_line} below {there}"
            findings.error("several parents", message, line)
