"""Darwin Core: archives (a zip, a tar, a folder), with or without meta.xml, and a single taxon table.

    taxonID  parentNameUsageID  acceptedNameUsageID  scientificName            taxonRank
    101                                              Crepis L.                 genus
    1001     101                                     Crepis bakeri Greene      species
    1002                        1001                 Psilochenia bakeri (Greene) W.A.Weber  species

Parents are given by identifier, name or rank columns, accepted names of synonyms by identifier or name. GBIF's species lists and
occurrence downloads are read too. Standard: https://dwc.tdwg.org/text/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    Archive,
    Findings,
    SeveralParents,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    is_archive,
    open_archive,
)
from bioclip_x_plugins.readers.checklists.common_names import CommonNames, Names
from bioclip_x_plugins.readers.checklists.darwin_core_meta import NAMESPACE, TableFile, parse_term, read_meta
from bioclip_x_plugins.readers.checklists.darwin_core_rows import RANK_COLUMNS, read_taxon
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, make_usages
from bioclip_x_plugins.readers.delimited import Dialect, make_cell_getter, read_first_cells, read_head, read_rows

Row = Callable[[str], str]
"""Term → cell, "" for a missing one."""

_TAXON_TERMS: Final = frozenset({
    "taxonid", "taxonkey", "parentnameusageid", "parentnameusage", "acceptednameusageid", "acceptednameusage",
    "taxonrank", "taxonomicstatus", "scientificnameauthorship", "higherclassification", "acceptedtaxonkey",
})  # fmt: skip
_ALIASES: Final = {
    "taxonkey": "taxonid", "acceptedtaxonkey": "acceptednameusageid", "acceptedscientificname": "acceptednameusage",
    "acceptedtaxonid": "acceptednameusageid", "acceptedtaxon": "acceptednameusage", "highertaxonid": "parentnameusageid",
    "highertaxon": "parentnameusage",
}  # fmt: skip
_OCCURRENCES: Final = frozenset({"occurrenceid", "gbifid"})


class DarwinCoreReader:
    """Reads Darwin Core Archives and taxon tables.

    dag: how a taxon listed under several parents is handled.
    """

    capabilities = TaxonomyReaderCapabilities(several_parents_option="dag")

    def __init__(self, *, dag: SeveralParents = "refuse") -> None:
        self.dag = dag

    def sniff(self, path: Path, head: bytes) -> bool:
        if not (path.is_dir() or is_archive(head)):
            return _is_taxon_table(read_first_cells(head))
        try:
            with open_archive(path) as archive:
                meta = archive.find("meta.xml")
                if meta:
                    return NAMESPACE.strip("{}").encode() in read_head(archive, meta)
                return any(
                    _is_taxon_table(read_first_cells(read_head(archive, name))) for name in _list_tables(archive)
                )
        except TaxonomyError:
            # No reader recognises a damaged archive. This one claims it, so that `read` reports what is wrong with it.
            return not path.is_dir()

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings()
        with open_archive(path) as archive:
            meta = archive.find("meta.xml")
            core, extensions = read_meta(archive, meta) if meta else (_find_taxon_table(archive), [])
            if core.row_type not in ("taxon", "occurrence", ""):
                raise TaxonomyError(
                    f"{path}: the core has rows of type {core.row_type!r}; expected a checklist (Taxon) or occurrences"
                )
            findings.file = archive.where(core.files[0])
            names = _read_common_names(archive, extensions, findings)
            rows = list(_read_taxa(archive, core, names, findings))
        usages = make_usages(rows, findings)
        return from_usages(usages, findings, source=str(path), several_parents=self.dag, dangling="top")


def _is_taxon_table(cells: list[str]) -> bool:
    terms = {parse_term(cell) for cell in cells}
    has_names = "scientificname" in terms or {"genus", "specificepithet", "taxonid"} <= terms
    return has_names and bool(terms & _TAXON_TERMS)


def _list_tables(archive: Archive) -> list[str]:
    return [name for name in archive.names if name.lower().endswith((".txt", ".tsv", ".tab", ".csv"))] or (
        list(archive.names) if len(archive.names) == 1 else []
    )


def _find_taxon_table(archive: Archive) -> TableFile:
    """Finds the taxon table by its header, for an archive without meta.xml."""
    for name in _list_tables(archive):
        cells = read_first_cells(read_head(archive, name))
        if _is_taxon_table(cells):
            columns = {parse_term(cell): index for index, cell in reversed(list(enumerate(cells)))}
            return TableFile("taxon", (name,), Dialect(), columns.get("id", -1), columns, {})
    raise TaxonomyError(
        f"{archive.path} has neither a meta.xml nor a table with the Darwin Core columns scientificName and taxonID or taxonRank"
    )


def _read_rows(archive: Archive, table: TableFile, findings: Findings) -> Iterator[tuple[int, str, str, Row]]:
    """Yields (line, file, core id, row) from all files of a table."""
    aliases = {term: table.columns[alias] for alias, term in _ALIASES.items() if alias in table.columns}
    columns = {**aliases, **table.columns}
    for name in table.files:
        where = archive.where(name)
        for part in read_rows(archive, name, table.dialect, findings):
            for line, cells in part.rows:
                id = cells[table.id_column] if 0 <= table.id_column < len(cells) else ""
                yield line, where, id, make_cell_getter(cells, columns, table.defaults)


def _read_taxa(archive: Archive, core: TableFile, names: Names, findings: Findings) -> Iterator[ChecklistRow]:
    is_occurrences = core.row_type == "occurrence" or not _OCCURRENCES.isdisjoint(core.columns)
    ranks = [rank for rank in RANK_COLUMNS if rank in core.columns or rank in core.defaults]
    seen = set()
    for line, where, id, row in _read_rows(archive, core, findings):
        # In an occurrence table the core id identifies the occurrence, not the taxon.
        taxon = read_taxon(row, "" if is_occurrences else id, line if where == findings.file else 0, ranks)
        if taxon is None:
            findings.warn("no name", "a row without a name is left out", line, where)
            continue
        usage = taxon.usage
        if not usage.id or is_occurrences:
            key = (usage.id, usage.name, usage.authorship, taxon.higher_taxa, taxon.accepted_name)
            if key in seen:
                if not is_occurrences:
                    findings.warn("listed twice", f"{usage.name} is listed twice", line, where)
                continue
            seen.add(key)
            usage.id = usage.id or f"{where}, line {line}"
        common_names = names.get(id) or names.get(usage.id)
        if common_names:
            usage.common_names = common_names
        yield taxon


def _read_common_names(archive: Archive, extensions: list[TableFile], findings: Findings) -> Names:
    """Returns common names by core id."""
    names = CommonNames()
    for table in extensions:
        if table.row_type == "vernacularname":
            has_language = "language" in table.columns or "language" in table.defaults
            for _, _, id, row in _read_rows(archive, table, findings):
                language = row("language") if has_language else None
                names.add(id, row("vernacularname"), language, row("ispreferredname"))
    return names.names
