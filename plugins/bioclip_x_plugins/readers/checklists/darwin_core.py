"""Darwin Core: archives (a zip, a tar, a folder), with meta.xml or without, and the taxon table alone.

    taxonID  parentNameUsageID  acceptedNameUsageID  scientificName            taxonRank
    101                                              Crepis L.                 genus
    1001     101                                     Crepis bakeri Greene      species
    1002                        1001                 Psilochenia bakeri (Greene) W.A.Weber  species

Parents by identifier, by name or by rank columns; synonyms by identifier or name. Lists of species and of occurrences as GBIF
writes them are read too. The standard: https://dwc.tdwg.org/text/.
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
from bioclip_x_plugins.readers.checklists.darwin_core_rows import RANK_COLUMNS, read_usage
from bioclip_x_plugins.readers.checklists.rows import Listed, to_usages
from bioclip_x_plugins.readers.delimited import Dialect, make_cell_getter, read_first_cells, read_head, read_rows

Row = Callable[[str], str]
"""term → the cell, "" where there is none."""

_TELLING: Final = frozenset({
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
    """Darwin Core Archives and tables of taxa.

    dag: what becomes of a taxon that is listed under several parents.
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
                return any(_is_taxon_table(read_first_cells(read_head(archive, name))) for name in _tables(archive))
        except TaxonomyError:
            # A zip that cannot be opened is nobody's; here its user is told what is wrong with it.
            return not path.is_dir()

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings()
        with open_archive(path) as archive:
            meta = archive.find("meta.xml")
            core, extensions = read_meta(archive, meta) if meta else (_without_meta(archive), [])
            if core.row_type not in ("taxon", "occurrence", ""):
                raise TaxonomyError(
                    f"{path}: its core holds rows of {core.row_type!r}; expected a checklist, a core of taxa"
                )
            findings.file = archive.where(core.files[0])
            names = _common_names(archive, extensions, findings)
            rows = list(_listed_rows(archive, core, names, findings))
        usages = to_usages(rows, findings)
        return from_usages(usages, findings, source=str(path), several_parents=self.dag, dangling="top")


def _is_taxon_table(cells: list[str]) -> bool:
    terms = {parse_term(cell) for cell in cells}
    named = "scientificname" in terms or {"genus", "specificepithet", "taxonid"} <= terms
    return named and bool(terms & _TELLING)


def _tables(archive: Archive) -> list[str]:
    return [name for name in archive.names if name.lower().endswith((".txt", ".tsv", ".tab", ".csv"))] or (
        list(archive.names) if len(archive.names) == 1 else []
    )


def _without_meta(archive: Archive) -> TableFile:
    """The one table of taxa, by its header."""
    for name in _tables(archive):
        cells = read_first_cells(read_head(archive, name))
        if _is_taxon_table(cells):
            columns = {parse_term(cell): index for index, cell in reversed(list(enumerate(cells)))}
            return TableFile("taxon", (name,), Dialect(), columns.get("id", -1), columns, {})
    raise TaxonomyError(
        f"{archive.path} has neither a meta.xml nor a table with the Darwin Core columns scientificName and taxonID or taxonRank"
    )


def _rows(archive: Archive, table: TableFile, findings: Findings) -> Iterator[tuple[int, str, str, Row]]:
    """(line, file, core id, row) of all files of a table."""
    aliases = {usual: table.columns[key] for key, usual in _ALIASES.items() if key in table.columns}
    columns = {**aliases, **table.columns}
    for name in table.files:
        where = archive.where(name)
        for opened in read_rows(archive, name, table.dialect, findings):
            for line, cells in opened.rows:
                id = cells[table.id_column] if 0 <= table.id_column < len(cells) else ""
                yield line, where, id, make_cell_getter(cells, columns, table.defaults)


def _listed_rows(archive: Archive, core: TableFile, names: Names, findings: Findings) -> Iterator[Listed]:
    is_occurrences = core.row_type == "occurrence" or not _OCCURRENCES.isdisjoint(core.columns)
    ranks = [rank for rank in RANK_COLUMNS if rank in core.columns or rank in core.defaults]
    seen = set()
    for line, where, id, row in _rows(archive, core, findings):
        # In a list of occurrences the identifier is the occurrence's.
        one = read_usage(row, "" if is_occurrences else id, line if where == findings.file else 0, ranks)
        if one is None:
            findings.warn("no name", "a row without a name is left out", line, where)
            continue
        if not one.usage.id or is_occurrences:
            key = (one.usage.id, one.usage.name, one.usage.authorship, one.above, one.accepted_name)
            if key in seen:
                if not is_occurrences:
                    findings.warn("listed twice", f"{one.usage.name} is listed twice", line, where)
                continue
            seen.add(key)
            one.usage.id = one.usage.id or f"{where}, line {line}"
        found = names.get(id) or names.get(one.usage.id)
        if found:
            one.usage.common_names = found
        yield one


def _common_names(archive: Archive, extensions: list[TableFile], findings: Findings) -> Names:
    """By core id."""
    found = CommonNames()
    for table in extensions:
        if table.row_type == "vernacularname":
            has_language = "language" in table.columns or "language" in table.defaults
            for _, _, id, row in _rows(archive, table, findings):
                language = row("language") if has_language else None
                found.add(id, row("vernacularname"), language, row("ispreferredname"))
    return found.names
