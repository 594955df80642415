"""The Open Tree Taxonomy (OTT): taxonomy.tsv and, optionally, synonyms.tsv, alone, in a folder or an archive.

    uid	|	parent_uid	|	name	|	rank	|	sourceinfo	|	uniqname	|	flags	|
    695547	|	708330	|	Parus major	|	species	|	ncbi:9157,gbif:2487879	|		|		|

Kept are names, ranks, synonyms, and as identifiers the number (`ott`) and those of the sources (`ncbi`, `gbif`, `worms`, …).
Flags are the extra `flags`. Taxa that Open Tree marks as emptied, merged or no natural unit, and that have no children, are left
out. "No rank" and "life", the root, give no rank and no taxon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    Archive,
    Findings,
    FormatExample,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    decode_head,
    from_usages,
    is_archive,
    is_placeholder,
    name_content,
    open_archive,
)
from bioclip_x_plugins.readers.lines import read_text_stream

FILES: Final = ("taxonomy.tsv", "synonyms.tsv")
ROOT: Final = "life"
_COLUMNS: Final = ("uid", "parent_uid", "name", "rank")
_SEPARATOR: Final = "\t|"
_NO_RANKS: Final = frozenset({"no rank", "no rank - terminal"})
_NO_TAXON: Final = frozenset({"was_container", "merged", "not_otu", "environmental"})
"""Flags of taxa that are no taxa, where they have no children."""

Row = Callable[[str], str]


class OpenTreeReader:
    """Reads the Open Tree Taxonomy."""

    capabilities = TaxonomyReaderCapabilities(
        reads_beside=("synonyms.tsv*",),
        example=FormatExample(
            "ott/",
            {
                "ott/taxonomy.tsv": "uid\t|\tparent_uid\t|\tname\t|\trank\t|\tsourceinfo\t|\tuniqname\t|\tflags\t|\t\n"
                "805080\t|\t\t|\tlife\t|\tno rank\t|\tsilva:0,ncbi:1\t|\t\t|\t\t|\t\n"
                "708327\t|\t805080\t|\tParus\t|\tgenus\t|\tncbi:9153,gbif:2487877\t|\t\t|\t\t|\t\n"
                "695547\t|\t708327\t|\tParus major\t|\tspecies\t|\tncbi:9157,gbif:9705453\t|\t\t|\t\t|\t\n",
                "ott/synonyms.tsv": "name\t|\tuid\t|\ttype\t|\tuniqname\t|\tsourceinfo\t|\t\n"
                "Parus robustus\t|\t695547\t|\tsynonym\t|\t\t|\tgbif:1\t|\t\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        if not (path.is_dir() or is_archive(head)):
            return _is_taxonomy(decode_head(head).partition("\n")[0])
        try:
            with open_archive(path) as archive:
                return bool(archive.find(FILES[0])) and _is_taxonomy(_read_first_line(archive, archive.find(FILES[0])))
        except TaxonomyError:
            return False

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: no columns uid, parent_uid, name, rank, a missing parent, a cycle."""
        findings = Findings(str(path))
        with open_archive(_find_root(path)) as archive:
            main, synonyms = (archive.find(name) for name in FILES)
            main = main or archive.names[0]
            findings.file = archive.where(main)
            taxa = list(_read_taxa(archive, main, findings))
            taxa = _drop_empty(taxa, findings)
            if synonyms:
                taxa += _read_synonyms(archive, synonyms, findings)
        return from_usages(taxa, findings, source=str(path))


def _find_root(path: Path) -> Path:
    """Returns the folder of taxonomy.tsv, so that synonyms.tsv beside it is read."""
    is_main = path.is_file() and name_content(path).name.lower() == FILES[0]
    return path.parent if is_main else path


def _is_taxonomy(line: str) -> bool:
    return tuple(cell.strip() for cell in line.split(_SEPARATOR))[: len(_COLUMNS)] == _COLUMNS


def _read_first_line(archive: Archive, name: str) -> str:
    with archive.open(name) as stream:
        return decode_head(stream.readline(4096))


def _read_rows(archive: Archive, name: str, required: tuple[str, ...], findings: Findings) -> Iterator[tuple[int, Row]]:
    """Yields (line, column → cell)."""
    where = archive.where(name)
    with archive.open(name) as stream:
        lines = read_text_stream(stream, where)
        header = next(lines, (0, ""))[1]
        columns = {cell.strip(): index for index, cell in enumerate(header.split(_SEPARATOR))}
        missing = [column for column in required if column not in columns]
        if missing:
            raise TaxonomyError(f"{where}, line 1: no column {', '.join(missing)}; got {header.strip()[:80]!r}")
        for line, text in lines:
            cells = [cell.strip() for cell in text.split(_SEPARATOR)]
            if len(cells) < len(required):
                findings.error("columns", f"expected {len(required)} cells between '|', got {len(cells)}", line, where)
            else:
                yield line, _make_getter(cells, columns)


def _make_getter(cells: list[str], columns: Mapping[str, int]) -> Row:
    return lambda column: cells[columns[column]] if columns.get(column, len(cells)) < len(cells) else ""


def _read_taxa(archive: Archive, name: str, findings: Findings) -> Iterator[NameUsage]:
    root = ""
    for line, row in _read_rows(archive, name, _COLUMNS, findings):
        if not row("parent_uid") and row("name") == ROOT:
            root = row("uid")
            continue
        rank = "" if row("rank") in _NO_RANKS else row("rank")
        parent = "" if row("parent_uid") == root else row("parent_uid")
        extra = {"flags": row("flags")} if row("flags") else {}
        yield NameUsage(row("uid"), row("name"), rank, parent, line=line, ids=_read_ids(row), extra=extra)


def _read_ids(row: Row) -> dict[str, str]:
    """Reads the identifiers; of several in one source, the first."""
    ids = {"ott": row("uid")}
    for source in row("sourceinfo").split(","):
        database, _, id = source.partition(":")
        if id and not database.startswith("http"):
            ids.setdefault(database.strip(), id.strip())
    return ids


def _drop_empty(taxa: list[NameUsage], findings: Findings) -> list[NameUsage]:
    """Leaves out taxa that are none, unless they have children."""
    parents = {usage.parent for usage in taxa}
    kept = [usage for usage in taxa if usage.id in parents or not _is_empty(usage)]
    if len(kept) < len(taxa):
        count = len(taxa) - len(kept)
        message = f"{count:,} rows that Open Tree flags as no taxa ({', '.join(sorted(_NO_TAXON))}) are left out"
        findings.warn("no taxon", message, times=count)
    return kept


def _is_empty(usage: NameUsage) -> bool:
    flags = usage.extra.get("flags", "").split(",")
    return is_placeholder(usage.name) or not _NO_TAXON.isdisjoint(flags)


def _read_synonyms(archive: Archive, name: str, findings: Findings) -> Iterator[NameUsage]:
    for line, row in _read_rows(archive, name, ("name", "uid"), findings):
        yield NameUsage(f"{row('uid')} {row('name')}", row("name"), accepted=(row("uid"),), line=line)
