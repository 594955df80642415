"""ACEF, the Catalogue of Life's older exchange format: a zip, a tar or a folder with AcceptedSpecies.txt.

Also read: AcceptedInfraspecificTaxa, Synonyms and CommonNames. A species brings its kingdom to genus in columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from bioclip_x.plugin import (
    Archive,
    Findings,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    from_usages,
    is_archive,
    open_archive,
)
from bioclip_x_plugins.readers.checklists.common_names import CommonNames
from bioclip_x_plugins.readers.checklists.rank_words import NO_NAME, rank_of
from bioclip_x_plugins.readers.checklists.rows import Listed, to_usages
from bioclip_x_plugins.readers.delimited import read_named_rows

_ABOVE: Final = ("kingdom", "phylum", "class", "order", "superfamily", "family", "genus")
Row = Callable[[str], str]


class AcefReader:
    """ACEF folders and archives."""

    def sniff(self, path: Path, head: bytes) -> bool:
        if not (path.is_dir() or is_archive(head)):
            return False
        try:
            with open_archive(path) as archive:
                return bool(_file(archive, "AcceptedSpecies"))
        except TaxonomyError:
            return False

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings()
        with open_archive(path) as archive:
            main = _file(archive, "AcceptedSpecies")
            if not main:
                raise TaxonomyError(f"{path} holds no AcceptedSpecies.txt; it has {', '.join(archive.names[:20])}")
            findings.file = archive.where(main)
            rows = _species(archive, main, findings)
            rows += _infraspecific(archive, {row.usage.id: row.usage.name for row in rows}, findings)
            names = CommonNames()
            for _, row in _rows(archive, "CommonNames", findings):
                names.add(row("acceptedtaxonid"), row("commonname"), row("language"))
            for one in rows:
                one.usage.common_names = names.names.get(one.usage.id, {})
            rows += _synonyms(archive, findings)
        return from_usages(to_usages(rows, findings), findings, source=str(path), dangling="top")


def _file(archive: Archive, stem: str) -> str:
    return next((name for name in archive.names if PurePosixPath(name).stem.lower() == stem.lower()), "")


def _rows(archive: Archive, stem: str, findings: Findings) -> Iterator[tuple[int, Row]]:
    file = _file(archive, stem)
    if file:
        yield from read_named_rows(archive, file, findings)


def _species(archive: Archive, main: str, findings: Findings) -> list[Listed]:
    found = []
    for line, row in read_named_rows(archive, main, findings):
        if not (row("genus") and row("speciesepithet")):
            findings.warn("no name", "a row without genus or epithet is left out", line)
            continue
        above = tuple((rank, row(rank)) for rank in _ABOVE if row(rank) and not NO_NAME.fullmatch(row(rank)))
        found.append(Listed(_usage(row, _binomial(row), "species", row("authorstring"), line), above))
    return found


def _infraspecific(archive: Archive, species: dict[str, str], findings: Findings) -> list[Listed]:
    found = []
    where = archive.where(_file(archive, "AcceptedInfraspecificTaxa"))
    for line, row in _rows(archive, "AcceptedInfraspecificTaxa", findings):
        parent = row("parentspeciesid") or row("parentid")
        if parent not in species or not row("infraspeciesepithet"):
            findings.warn(
                "dangling parent",
                f"the species {parent!r} of an infraspecific taxon is not listed; left out",
                line,
                where,
            )
            continue
        name = " ".join(filter(None, (species[parent], row("infraspeciesmarker"), row("infraspeciesepithet"))))
        usage = _usage(row, name, row("infraspeciesmarker") or "subspecies", row("infraspeciesauthorstring"), line=0)
        usage.parent = parent
        found.append(Listed(usage))
    return found


def _synonyms(archive: Archive, findings: Findings) -> list[Listed]:
    found = []
    for line, row in _rows(archive, "Synonyms", findings):
        below = " ".join(filter(None, (row("infraspeciesmarker"), row("infraspeciesepithet"))))
        if not row("acceptedtaxonid") or not row("genus"):
            where = archive.where(_file(archive, "Synonyms"))
            findings.warn("dangling synonym", "a synonym without genus or accepted taxon is left out", line, where)
            continue
        rank = (row("infraspeciesmarker") or "subspecies") if row("infraspeciesepithet") else "species"
        author = row("infraspeciesauthorstring") if row("infraspeciesepithet") else row("authorstring")
        usage = _usage(row, f"{_binomial(row)} {below}".strip(), rank, author, line=0)
        usage.id, usage.accepted, usage.ids = f"synonym {row('id') or line}", [row("acceptedtaxonid")], {}
        found.append(Listed(usage))
    return found


def _binomial(row: Row) -> str:
    return f"{row('genus')} {row('speciesepithet')}"


def _usage(row: Row, name: str, rank: str, authorship: str, line: int) -> NameUsage:
    id = row("acceptedtaxonid")
    extra = {"subgenus": row("subgenusname")} if row("subgenusname") else {}
    return NameUsage(
        id or f"line {line}", name, rank_of(rank), authorship=authorship, line=line, ids={"taxon": id}, extra=extra
    )
