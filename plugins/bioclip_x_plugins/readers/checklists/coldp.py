"""ColDP, the Catalogue of Life's data packages: a zip, a tar or a folder (https://catalogueoflife.github.io/coldp/).

Either one table `NameUsage` (ID, parentID, status, scientificName, authorship, rank, …) or the linked tables `Name`, `Taxon` and
`Synonym`; optionally `VernacularName`. File and column names are case-insensitive, singular or plural, with the suffix .tsv,
.csv or .txt. A `NameUsage` table can also be read on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from bioclip_x.plugin import (
    Archive,
    Findings,
    FormatExample,
    SeveralParents,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    is_archive,
    open_archive,
)
from bioclip_x_plugins.readers.checklists.coldp_rows import Row, read_name, read_taxon
from bioclip_x_plugins.readers.checklists.common_names import CommonNames, Names
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, lift_above_nameless, make_usages
from bioclip_x_plugins.readers.delimited import normalise_column, read_first_cells, read_named_rows

_FILES: Final = {
    "nameusage": "usage", "nameusages": "usage", "name": "name", "names": "name", "taxon": "taxon", "taxa": "taxon",
    "taxons": "taxon", "synonym": "synonym", "synonyms": "synonym", "vernacularname": "vernacular",
    "vernacularnames": "vernacular", "vernacular": "vernacular",
}  # fmt: skip
_SUFFIXES: Final = (".tsv", ".csv", ".txt", ".tab")


class ColdpReader:
    """Reads ColDP packages.

    dag: how a taxon listed under several parents is handled.
    """

    capabilities = TaxonomyReaderCapabilities(
        several_parents_option="dag",
        example=FormatExample(
            "coldp/",
            {
                "coldp/NameUsage.tsv": "ID\tparentID\tstatus\tscientificName\tauthorship\trank\n"
                "5K\t\taccepted\tPinaceae\tSpreng. ex F.Rudolphi\tfamily\n"
                "6L\t5K\taccepted\tAbies\tMill.\tgenus\n"
                "7M\t6L\taccepted\tAbies alba\tMill.\tspecies\n",
                "coldp/VernacularName.tsv": "taxonID\tname\tlanguage\n7M\tWeißtanne\tdeu\n",
            },
        ),
    )

    def __init__(self, *, dag: SeveralParents = "refuse") -> None:
        self.dag = dag

    def sniff(self, path: Path, head: bytes) -> bool:
        if not (path.is_dir() or is_archive(head)):
            return _is_usage_table(read_first_cells(head))
        try:
            with open_archive(path) as archive:
                files = _find_files(archive)
        except TaxonomyError:
            return False
        return "usage" in files or {"name", "taxon"} <= files.keys()

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings()
        with open_archive(path) as archive:
            files = {"usage": archive.names[0]} if path.is_file() and len(archive.names) == 1 else _find_files(archive)
            main = files.get("usage") or files.get("taxon")
            if not main or ("usage" not in files and "name" not in files):
                raise TaxonomyError(
                    f"{path} has neither a table NameUsage nor the tables Name and Taxon; it has "
                    f"{', '.join(archive.names[:20])}"
                )
            findings.file = archive.where(main)
            names = _read_common_names(archive, files, findings)
            rows = list(
                _read_name_usages(archive, main, findings)
                if "usage" in files
                else _join_tables(archive, files, findings)
            )
        for row in rows:
            row.usage.common_names = names.get(row.usage.id, row.usage.common_names)
        usages = make_usages(rows, findings)
        return from_usages(usages, findings, source=str(path), several_parents=self.dag, dangling="top")


def _is_usage_table(cells: list[str]) -> bool:
    columns = {normalise_column(cell) for cell in cells}
    return {"id", "scientificname"} <= columns and bool(columns & {"parentid", "status"})


def _find_files(archive: Archive) -> dict[str, str]:
    """Maps kinds of tables to files; of several, the one in the topmost folder."""
    files: dict[str, str] = {}
    for name in sorted(archive.names, key=lambda name: name.count("/")):
        path = PurePosixPath(name)
        kind = _FILES.get(normalise_column(path.stem))
        if kind and path.suffix.lower() in _SUFFIXES:
            files.setdefault(kind, name)
    return files


def _read_name_usages(archive: Archive, file: str, findings: Findings) -> list[ChecklistRow]:
    taxa: list[ChecklistRow] = []
    parent_of_nameless: dict[str, str] = {}
    for line, row in read_named_rows(archive, file, findings):
        taxon = read_taxon(row, row, line)
        if taxon is None:
            findings.warn("no name", "a row without a name is left out", line)
            parent_of_nameless[row("id")] = row("parentid")
        else:
            taxa.append(taxon)
    lift_above_nameless(taxa, parent_of_nameless)
    return taxa


def _join_tables(archive: Archive, files: dict[str, str], findings: Findings) -> Iterator[ChecklistRow]:
    """Joins taxa and synonyms with their names. A name that no taxon or synonym uses is bare."""
    names: dict[str, tuple[int, Row]] = {}
    for line, row in read_named_rows(archive, files["name"], findings):
        names.setdefault(row("id"), (line, row))
    used: set[str] = set()
    for line, row in read_named_rows(archive, files["taxon"], findings):
        name = names.get(row("nameid"))
        taxon = read_taxon(row, name[1], line) if name else None
        if taxon is None:
            findings.error(
                "no name", f"the taxon {row('id')!r} has nameID {row('nameid')!r}, which is not in the table Name", line
            )
        else:
            used.add(row("nameid"))
            yield taxon
    yield from _read_synonyms(archive, files, names, used, findings)
    for id, (line, row) in names.items():
        bare = None if id in used else read_name(row, f"name {id}", line=0)
        if bare:
            findings.warn(
                "bare name", f"{bare.full_name} is not used by any taxon; left out", line, archive.where(files["name"])
            )


def _read_synonyms(
    archive: Archive, files: dict[str, str], names: dict[str, tuple[int, Row]], used: set[str], findings: Findings
) -> Iterator[ChecklistRow]:
    if "synonym" not in files:
        return
    where = archive.where(files["synonym"])
    for line, row in read_named_rows(archive, files["synonym"], findings):
        name = names.get(row("nameid"))
        synonym = read_name(name[1], f"name {row('nameid')}", line=0) if name else None
        if synonym is None or not row("taxonid"):
            findings.warn(
                "dangling synonym",
                f"the synonym with nameID {row('nameid')!r} has no name or no taxon; left out",
                line,
                where,
            )
            continue
        used.add(row("nameid"))
        synonym.usage.accepted = [row("taxonid")]
        yield synonym


def _read_common_names(archive: Archive, files: dict[str, str], findings: Findings) -> Names:
    names = CommonNames()
    if "vernacular" in files:
        for _, row in read_named_rows(archive, files["vernacular"], findings):
            names.add(row("taxonid"), row("name"), row("language"), row("preferred"))
    return names.names
