"""Lineages as one text each, as databases and classifiers of sequences write them: QIIME 2, UNITE, SILVA, MetaPhlAn, mothur.

    Feature ID	Taxon	Confidence
    4b5eeb30	k__Fungi;p__Ascomycota;g__Penicillium;s__Penicillium_olsonii	0.97

The file is a table with the lineage in one column, or a FASTA file with the lineages in its headers. Ranks come from prefixes,
else from the position. Names that say that a taxon is not known (`unidentified`, `uncultured bacterium`) are missing ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    RANKS,
    Details,
    Findings,
    FormatExample,
    Mismatch,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    is_archive,
    normalise_rank,
)
from bioclip_x_plugins.readers.lineage_strings.names import clean_name
from bioclip_x_plugins.readers.lineage_strings.parts import HYPOTHESIS, LEVELS, Part, has_prefixes, split_lineage
from bioclip_x_plugins.readers.lineage_strings.records import Record, is_lineage, parse_header, read_records, split_rows
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.vocabulary.epithets import complete_species_name

_DOMAINS: Final = frozenset({"Bacteria", "Archaea", "Eukaryota", "Eukaryote", "Eukarya"})
_LOWEST: Final = frozenset({"species", "subspecies", "strain"})

Lineage = tuple[tuple[str, str], ...]
"""(rank, name) pairs from the highest rank down, without missing ranks."""


class LineagesReader:
    """Reads lineages. ranks: of lineages without prefixes, from the top, separated by "/"; by default domain to species."""

    capabilities = TaxonomyReaderCapabilities(
        explains_mismatch=True,
        example=FormatExample(
            "taxonomy.tsv",
            {
                "taxonomy.tsv": "Feature ID\tTaxon\tConfidence\n"
                "4b5eeb30\tk__Fungi;p__Ascomycota;c__Eurotiomycetes;o__Eurotiales;f__Aspergillaceae;g__Penicillium;"
                "s__Penicillium_olsonii\t0.97\n"
                "9f3c01aa\tk__Fungi;p__Ascomycota;c__unidentified;o__unidentified\t0.88\n"
            },
        ),
    )

    def __init__(self, *, ranks: str = "") -> None:
        self.ranks = tuple(normalise_rank(rank) for rank in ranks.split("/")) if ranks else ()

    def sniff(self, path: Path, head: bytes) -> bool:
        if is_archive(head):
            return False
        lines = split_head_lines(head)
        if lines and lines[0].startswith(">"):
            return bool(parse_header(lines[0][1:])[1])
        rows = [cells for _, cells in split_rows(enumerate(line for line in lines if not line.startswith("#")))]
        if not rows or _has_rank_columns(rows[0]):
            return False
        if path.suffix.lower() == ".taxonomy" and any(";" in cell for row in rows for cell in row):
            return True
        # Lineages without prefixes, alone on their lines, may as well be a list of paths to taxa.
        return any(is_lineage(cell) and (len(row) > 1 or "__" in cell) for row in rows for cell in row)

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        lines = split_head_lines(head)
        if lines and lines[0].startswith(">"):
            return Mismatch(
                0.6, f"the headers of its sequences have no lineage such as k__Fungi;p__Ascomycota: {lines[0][:60]!r}"
            )
        if sum(text.count(";") > 1 for text in lines) > len(lines) / 2:
            return Mismatch(
                0.5,
                "its lineages have no prefixes such as k__ and begin with no top taxon such as Bacteria; name the format "
                "with --taxonomy-format lineages:ranks=kingdom/phylum/…",
            )
        return None

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: an unknown prefix, ranks out of order, a line without a lineage."""
        findings = Findings(str(path))
        entries = list(_parse_records(read_records(read_text_lines(path, findings), findings), findings))
        lineages = _Positions(entries, self.ranks, findings).name_ranks()
        # MetaPhlAn, Kraken and SILVA's tax_slv list every taxon, with sums of what is below: above species, tips are classes.
        lists_inner_taxa = any(entry.separator == "|" or entry.record.rank for entry in entries)
        builder = TaxonomyBuilder()
        taxa: dict[Lineage, _Taxon] = {}
        for entry, parts in zip(entries, lineages):
            lineage = _clean(parts)
            if lineage:
                taxa.setdefault(lineage, _Taxon(entry.record)).add(entry, parts, lists_inner_taxa=lists_inner_taxa)
            else:
                findings.warn("no taxon", f"{entry.record.text[:60]!r} names no taxon; left out", entry.record.line)
            _check_order(parts, entry.record.line, findings)
        findings.raise_errors()
        if not taxa:
            raise TaxonomyError(f"{path} holds no taxon; expected lineages such as k__Fungi;p__Ascomycota")
        for lineage, taxon in taxa.items():
            builder.add_lineage(lineage, taxon.make_details(), is_class=taxon.is_class, line=taxon.record.line)
        return builder.build(str(path), findings=findings)


def _has_rank_columns(header: Sequence[str]) -> bool:
    """Whether a table has columns of ranks, beside which a lineage is only more text."""
    return not any(map(is_lineage, header)) and any(normalise_rank(cell) in RANKS for cell in header)


@dataclass(frozen=True, slots=True)
class _Entry:
    record: Record
    parts: Sequence[Part]
    separator: str


@dataclass(slots=True)
class _Taxon:
    """The records of one lineage, of which the first is kept."""

    record: Record
    n_records: int = 0
    is_class: bool = False
    hypothesis: str = ""

    def add(self, entry: _Entry, parts: Sequence[Part], *, lists_inner_taxa: bool) -> None:
        self.n_records += 1
        self.hypothesis = self.hypothesis or next((part.name for part in entry.parts if part.rank == HYPOTHESIS), "")
        self.is_class |= not lists_inner_taxa or parts[-1].rank in _LOWEST

    def make_details(self) -> Details:
        ids = dict(self.record.ids) | ({"unite": self.hypothesis} if self.hypothesis else {})
        extra = {"accession": self.record.accession} if self.record.accession else {}
        return Details(ids=ids, extra=extra | ({"records": str(self.n_records)} if self.n_records > 1 else {}))


def _parse_records(records: Iterable[Record], findings: Findings) -> Iterable[_Entry]:
    for record in records:
        try:
            parts, separator = split_lineage(record.text)
        except ValueError as problem:
            findings.error("rank", str(problem), record.line)
        else:
            yield _Entry(record, parts, separator)


@dataclass(slots=True)
class _Positions:
    """Gives ranks to lineages without prefixes: those of the file where it has them, else by position."""

    entries: Sequence[_Entry]
    ranks: Sequence[str]
    findings: Findings
    own: dict[tuple[str, ...], str] = field(init=False)
    """Path → its rank in the file."""

    def __post_init__(self) -> None:
        self.own = {
            tuple(part.name for part in entry.parts): normalise_rank(entry.record.rank)
            for entry in self.entries
            if entry.record.rank
        }

    def name_ranks(self) -> list[list[Part]]:
        plain = [entry for entry in self.entries if not has_prefixes(entry.parts) and _clean(entry.parts)]
        deepest: dict[str, int] = {}
        for entry in plain:
            top = entry.parts[0].name
            deepest[top] = max(deepest.get(top, 0), len(entry.parts))
        most = len(self.ranks or LEVELS)
        deep = [top for top, depth in deepest.items() if depth > most]
        if plain and not self.own and not self.ranks:
            message = "the lineages name no ranks: they are taken by position, from domain to species"
            if deep:
                message += f", except those of {', '.join(deep)}, which have more than {most} levels and get none"
            self.findings.warn("ranks", f"{message}; lineages:ranks=… sets them", plain[0].record.line)
        return [self._name(entry, deep) for entry in self.entries]

    def _name(self, entry: _Entry, deep: Sequence[str]) -> list[Part]:
        parts = [part for part in entry.parts if part.rank != HYPOTHESIS]
        if not parts or has_prefixes(parts):
            return parts
        names = tuple(part.name for part in parts)
        if self.own:
            return [Part(self.own.get(names[: level + 1], ""), name) for level, name in enumerate(names)]
        if names[0] in deep:
            return [Part("", name) for name in names]
        return [Part(self._rank_of(level, names[0]), name) for level, name in enumerate(names)]

    def _rank_of(self, level: int, top: str) -> str:
        if self.ranks:
            return self.ranks[level]
        return LEVELS[level] if level or top in _DOMAINS else "kingdom"


def _clean(parts: Sequence[Part]) -> Lineage:
    names = [(part.rank, clean_name(part.name, part.rank)) for part in parts]
    genus = next((name for rank, name in names if rank == "genus"), "")
    return tuple(
        (rank, complete_species_name(name, genus) if rank == "species" else name) for rank, name in names if name
    )


def _check_order(parts: Sequence[Part], line: int, findings: Findings) -> None:
    """Reports a rank that is repeated, or below a lower one."""
    ranks = [part.rank for part in parts if part.rank in RANKS]
    for above, rank in pairwise(ranks):
        if RANKS.index(rank) <= RANKS.index(above):
            findings.error("rank order", f"the {rank} follows the {above}; expected ranks from the top down", line)
            return
