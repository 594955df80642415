"""ACEF, the Catalogue of Life's older exchange format: a zip, a tar or a folder with AcceptedSpecies.txt.

AcceptedInfraspecificTaxa, Synonyms and CommonNames are read too. A species row has its kingdom to genus in columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from bioclip_x.plugin import (
    Archive,
    Findings,
    FormatExample,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    is_archive,
    open_archive,
)
from bioclip_x_plugins.readers.checklists.common_names import CommonNames
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, make_usages
from bioclip_x_plugins.readers.delimited import read_named_rows
from bioclip_x_plugins.readers.vocabulary.rank_words import parse_rank

_HIGHER_RANKS: Final = ("kingdom", "phylum", "class", "order", "superfamily", "family", "genus")
Row = Callable[[str], str]


class AcefReader:
    """Reads ACEF folders and archives."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "acef/",
            {
                "acef/AcceptedSpecies.txt": "AcceptedTaxonID\tKingdom\tClass\tFamily\tGenus\tSpeciesEpithet\tAuthorString\n"
                "17\tAnimalia\tInsecta\tApidae\tBombus\thypnorum\t(Linnaeus, 1758)\n",
                "acef/CommonNames.txt": "AcceptedTaxonID\tCommonName\tLanguage\n17\ttree bumblebee\tEnglish\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        if not (path.is_dir() or is_archive(head)):
            return False
        try:
            with open_archive(path) as archive:
                return bool(_find_file(archive, "AcceptedSpecies"))
        except TaxonomyError:
            return False

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings()
        with open_archive(path) as archive:
            main = _find_file(archive, "AcceptedSpecies")
            if not main:
                raise TaxonomyError(f"{path} has no AcceptedSpecies.txt; it has {', '.join(archive.names[:20])}")
            findings.file = archive.where(main)
            rows = _read_species(archive, main, findings)
            rows += _read_infraspecific(archive, {row.usage.id: row.usage.name for row in rows}, findings)
            names = CommonNames()
            for _, row in _read_rows(archive, "CommonNames", findings):
                names.add(row("acceptedtaxonid"), row("commonname"), row("language"))
            for taxon in rows:
                taxon.usage.common_names = names.names.get(taxon.usage.id, {})
            rows += _read_synonyms(archive, findings)
        return from_usages(make_usages(rows, findings), findings, source=str(path), dangling="top")


def _find_file(archive: Archive, stem: str) -> str:
    return next((name for name in archive.names if PurePosixPath(name).stem.lower() == stem.lower()), "")


def _read_rows(archive: Archive, stem: str, findings: Findings) -> Iterator[tuple[int, Row]]:
    file = _find_file(archive, stem)
    if file:
        yield from read_named_rows(archive, file, findings)


def _read_species(archive: Archive, main: str, findings: Findings) -> list[ChecklistRow]:
    species = []
    for line, row in read_named_rows(archive, main, findings):
        if not (row("genus") and row("speciesepithet")):
            findings.warn("no name", "a row without a genus or a species epithet is left out", line)
            continue
        higher_taxa = tuple((rank, row(rank)) for rank in _HIGHER_RANKS if row(rank))
        species.append(
            ChecklistRow(_make_usage(row, _make_binomial(row), "species", row("authorstring"), line), higher_taxa)
        )
    return species


def _read_infraspecific(archive: Archive, species: dict[str, str], findings: Findings) -> list[ChecklistRow]:
    taxa = []
    where = archive.where(_find_file(archive, "AcceptedInfraspecificTaxa"))
    for line, row in _read_rows(archive, "AcceptedInfraspecificTaxa", findings):
        parent = row("parentspeciesid") or row("parentid")
        if parent not in species or not row("infraspeciesepithet"):
            findings.warn(
                "dangling parent",
                f"an infraspecific taxon whose species {parent!r} is not listed is left out",
                line,
                where,
            )
            continue
        name = " ".join(filter(None, (species[parent], row("infraspeciesmarker"), row("infraspeciesepithet"))))
        usage = _make_usage(
            row, name, row("infraspeciesmarker") or "subspecies", row("infraspeciesauthorstring"), line=0
        )
        usage.parent = parent
        taxa.append(ChecklistRow(usage))
    return taxa


def _read_synonyms(archive: Archive, findings: Findings) -> list[ChecklistRow]:
    synonyms = []
    for line, row in _read_rows(archive, "Synonyms", findings):
        infraspecific_part = " ".join(filter(None, (row("infraspeciesmarker"), row("infraspeciesepithet"))))
        if not row("acceptedtaxonid") or not row("genus"):
            where = archive.where(_find_file(archive, "Synonyms"))
            findings.warn("dangling synonym", "a synonym without a genus or an accepted taxon is left out", line, where)
            continue
        rank = (row("infraspeciesmarker") or "subspecies") if row("infraspeciesepithet") else "species"
        author = row("infraspeciesauthorstring") if row("infraspeciesepithet") else row("authorstring")
        usage = _make_usage(row, f"{_make_binomial(row)} {infraspecific_part}".strip(), rank, author, line=0)
        usage.id, usage.accepted, usage.ids = f"synonym {row('id') or line}", [row("acceptedtaxonid")], {}
        synonyms.append(ChecklistRow(usage))
    return synonyms


def _make_binomial(row: Row) -> str:
    return f"{row('genus')} {row('speciesepithet')}"


def _make_usage(row: Row, name: str, rank: str, authorship: str, line: int) -> NameUsage:
    id = row("acceptedtaxonid")
    extra = {"subgenus": row("subgenusname")} if row("subgenusname") else {}
    return NameUsage(
        id or f"line {line}", name, parse_rank(rank), authorship=authorship, line=line, ids={"taxon": id}, extra=extra
    )
