"""Darwin Core: archives (a zip, a tar, a folder), with or without meta.xml, and a single taxon table.

    taxonID  parentNameUsageID  acceptedNameUsageID  scientificName            taxonRank
    101                                              Crepis L.                 genus
    1001     101                                     Crepis bakeri Greene      species
    1002                        1001                 Psilochenia bakeri (Greene) W.A.Weber  species

Parents are given by identifier, name or rank columns, accepted names of synonyms by identifier or name. GBIF's species lists and
occurrence downloads are read too. Standard: https://dwc.tdwg.org/text/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
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
from bioclip_x_plugins.readers.checklists.common_names import CommonNames, Names
from bioclip_x_plugins.readers.checklists.darwin_core_meta import NAMESPACE, TableFile, parse_term, read_meta
from bioclip_x_plugins.readers.checklists.darwin_core_rows import RANK_COLUMNS, list_languages, read_taxon
from bioclip_x_plugins.readers.checklists.darwin_core_terms import describe_columns, find_terms, is_taxon_table
from bioclip_x_plugins.readers.checklists.repeated_rows import merge_occurrences
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, lift_above_nameless, make_usages
from bioclip_x_plugins.readers.delimited import Dialect, make_cell_getter, read_first_cells, read_head, read_rows
from bioclip_x_plugins.readers.vocabulary.columns import compact_name

Row = Callable[[str], str]
"""Term → cell, "" for a missing one."""

_OCCURRENCES: Final = frozenset({"occurrenceid", "gbifid", "basisofrecord"})


class DarwinCoreReader:
    """Reads Darwin Core Archives and taxon tables.

    dag: how a taxon listed under several parents is handled.
    """

    capabilities = TaxonomyReaderCapabilities(
        several_parents_option="dag",
        example=FormatExample(
            "taxon.tsv",
            {
                "taxon.tsv": "taxonID\tparentNameUsageID\tacceptedNameUsageID\tscientificName\ttaxonRank\ttaxonomicStatus\n"
                "101\t\t\tCrepis L.\tgenus\taccepted\n"
                "1001\t101\t\tCrepis bakeri Greene\tspecies\taccepted\n"
                "1002\t\t1001\tPsilochenia bakeri (Greene) W.A.Weber\tspecies\tsynonym\n",
            },
        ),
    )

    def __init__(self, *, dag: SeveralParents = "refuse") -> None:
        self.dag = dag

    def sniff(self, path: Path, head: bytes) -> bool:
        if not (path.is_dir() or is_archive(head)):
            return is_taxon_table(read_first_cells(head))
        try:
            with open_archive(path) as archive:
                meta = archive.find("meta.xml")
                if meta:
                    return NAMESPACE.strip("{}").encode() in read_head(archive, meta)
                return any(is_taxon_table(read_first_cells(read_head(archive, name))) for name in _list_tables(archive))
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
            rows = _read_taxa(archive, core, names, findings)
        usages = make_usages(rows, findings)
        return from_usages(usages, findings, source=str(path), several_parents=self.dag, dangling="top")


def _list_tables(archive: Archive) -> list[str]:
    return [name for name in archive.names if name.lower().endswith((".txt", ".tsv", ".tab", ".csv"))] or (
        list(archive.names) if len(archive.names) == 1 else []
    )


def _find_taxon_table(archive: Archive) -> TableFile:
    """Finds the taxon table by its header, for an archive without meta.xml."""
    for name in _list_tables(archive):
        cells = read_first_cells(read_head(archive, name))
        if is_taxon_table(cells):
            columns = _index_columns(cells)
            id_column = next((index for cell, index in columns.items() if parse_term(cell) == "id"), -1)
            return TableFile("taxon", (name,), Dialect(), id_column, columns, {})
    raise TaxonomyError(
        f"{archive.path} has neither a meta.xml nor a table with the Darwin Core columns scientificName and taxonID or taxonRank"
    )


def _index_columns(cells: Sequence[str]) -> dict[str, int]:
    """Of two columns of one name the first counts; in WoRMS's taxon match, which puts its own behind the input's, the last."""
    pairs = list(enumerate(cells))
    is_match = "matchtype" in map(compact_name, cells)
    return {cell: index for index, cell in (pairs if is_match else reversed(pairs)) if cell}


def _read_rows(archive: Archive, table: TableFile, findings: Findings) -> Iterator[tuple[int, str, str, Row]]:
    """Yields (line, file, core id, row) from all files of a table."""
    columns = find_terms(table.columns)
    for name in table.files:
        where = archive.where(name)
        for part in read_rows(archive, name, table.dialect, findings):
            for line, cells in part.rows:
                id = cells[table.id_column] if 0 <= table.id_column < len(cells) else ""
                yield line, where, id, make_cell_getter(cells, columns, table.defaults)


def _read_taxa(archive: Archive, core: TableFile, names: Names, findings: Findings) -> list[ChecklistRow]:
    is_occurrences = core.row_type == "occurrence" or not _OCCURRENCES.isdisjoint(find_terms(core.columns))
    rows = _read_rows(archive, core, findings)
    return _convert_rows(rows, core.columns, core.defaults, names, is_occurrences, findings)


def read_cells(
    columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], findings: Findings
) -> list[ChecklistRow]:
    """Converts (number, cells) of a table that comes from another kind of file, with the columns of `is_taxon_table`."""
    index_of = _index_columns(columns)
    terms = find_terms(index_of)
    named = ((line, findings.file, "", make_cell_getter(cells, terms)) for line, cells in rows)
    return _convert_rows(named, index_of, {}, {}, not _OCCURRENCES.isdisjoint(terms), findings)


def _convert_rows(
    rows: Iterable[tuple[int, str, str, Row]],
    columns: Mapping[str, int],
    defaults: Mapping[str, str],
    names: Names,
    is_occurrences: bool,
    findings: Findings,
) -> list[ChecklistRow]:
    """Converts (line, file, core id, row)."""
    findings.columns = describe_columns(columns) | findings.columns
    terms = find_terms(columns)
    ranks = [rank for rank in RANK_COLUMNS if rank in terms or rank in defaults]
    languages = list_languages(terms)
    # In an occurrence table the core id identifies the occurrence, not the taxon; its taxonID is the publisher's.
    taxa = (
        (
            read_taxon(row, "" if is_occurrences else id, line if where == findings.file else 0, ranks, languages),
            line,
            where,
            id,
        )
        for line, where, id, row in rows
    )
    collected = _collect_taxa(taxa, names, is_occurrences, findings)
    has_keys = "taxonkey" in map(compact_name, columns)
    return merge_occurrences(collected, has_keys=has_keys) if is_occurrences else collected


def _collect_taxa(
    rows: Iterable[tuple[ChecklistRow, int, str, str]], names: Names, is_occurrences: bool, findings: Findings
) -> list[ChecklistRow]:
    """Returns the rows that name a taxon, with common names. Of rows without an identifier, each taxon once."""
    seen = set()
    parent_of_nameless: dict[str, str] = {}
    taxa: list[ChecklistRow] = []
    for taxon, line, where, id in rows:
        usage = taxon.usage
        if not usage.name:
            findings.warn("no name", "a row without a name is left out", line, where)
            parent_of_nameless[usage.id] = usage.parent
            continue
        if not usage.id and not is_occurrences:
            key = (usage.name, usage.authorship, taxon.higher_taxa, taxon.accepted_name)
            if key in seen:
                findings.warn("listed twice", f"{usage.name} is listed twice", line, where)
                continue
            seen.add(key)
            usage.id = f"{where}, line {line}"
        usage.common_names = names.get(id) or names.get(usage.id) or usage.common_names
        taxa.append(taxon)
    lift_above_nameless(taxa, parent_of_nameless)
    return taxa


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
