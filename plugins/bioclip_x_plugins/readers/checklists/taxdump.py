"""NCBI's taxonomy dump: a folder, or archive, of nodes.dmp, names.dmp and, where it is there, merged.dmp.

    nodes.dmp   562	|	561	|	species	|	EC	|	0	|	…
    names.dmp   562	|	Escherichia coli	|		|	scientific name	|

The path of one of the files will do as well. Kept are scientific names, authors, synonyms, common names (GenBank's first),
identifiers (`ncbi`), and those that were merged into one (the extra `ncbi_merged`). "No rank" and "clade" are no rank; the
root of all is left out. Misspellings, strains, acronyms and BLAST's names are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    Archive,
    BioclipXError,
    Findings,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    from_usages,
    is_archive,
    open_archive,
)
from bioclip_x_plugins.readers.lines import read_text_stream

FILES: Final = ("nodes.dmp", "names.dmp")
ROOT: Final = "1"
SYNONYMS: Final = frozenset(
    {"synonym", "equivalent name", "genbank synonym", "anamorph", "teleomorph", "genbank anamorph"}
)
CHEAP: Final = 1 << 24
"""Bytes of an archive that is looked into to see what it is; a larger one must be called taxdump."""


class TaxdumpReader:
    """nodes.dmp and names.dmp."""

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.name.lower() in FILES:
            return True
        if path.is_dir():
            return any((path / name).is_file() for name in FILES)
        if not is_archive(head):
            return False
        return "taxd" in path.name.lower() or (path.stat().st_size <= CHEAP and _holds_nodes(path))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: columns too few, a node without name, a parent that is missing, a cycle."""
        findings = Findings(str(path))
        root = path.parent if path.name.lower() in FILES and path.is_file() else path
        with open_archive(root) as archive:
            nodes, names, merged = (archive.find(name) for name in (*FILES, "merged.dmp"))
            if not (nodes and names):
                missing = " and ".join(name for name, found in zip(FILES, (nodes, names)) if not found)
                raise TaxonomyError(f"{root} has no {missing}; expected nodes.dmp and names.dmp of one dump")
            named = _names(archive, names, findings)
            old = _merged(archive, merged, findings) if merged else {}
            findings.file = archive.where(nodes)
            return from_usages(_usages(archive, nodes, named, old, findings), findings, source=str(path))


@dataclass(slots=True)
class _Names:
    """Of one taxon. other: (name, class of name, line)."""

    scientific: str = ""
    other: list[tuple[str, str, int]] = field(default_factory=list)

    def of(self, *classes: str) -> Iterator[str]:
        return (name for wanted in classes for name, kind, _ in self.other if kind == wanted)

    def authorships(self) -> dict[str, str]:
        """Scientific name or synonym → its author, from lines such as "Escherichia coli (Migula 1895) Castellani …"."""
        found: dict[str, str] = {}
        known = [self.scientific, *(name for name, kind, _ in self.other if kind in SYNONYMS)]
        for authority in self.of("authority"):
            name = max((name for name in known if authority.startswith(f"{name} ")), key=len, default="")
            if name:
                found.setdefault(name, authority.removeprefix(name).strip())
        return found


def _holds_nodes(path: Path) -> bool:
    try:
        with open_archive(path) as archive:
            return bool(archive.find("nodes.dmp"))
    except (BioclipXError, OSError):
        return False


def _rows(archive: Archive, name: str, columns: int, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """(line, cells); those too short, or without a number first, are findings."""
    where = archive.where(name)
    with archive.open(name) as stream:
        for line, text in read_text_stream(stream, where):
            cells = [cell.strip() for cell in text.rstrip().removesuffix("|").split("|")]
            if len(cells) < columns or not cells[0].isdecimal():
                found = f"expected {columns} cells or more between '|', the first a number, got {text.strip()[:60]!r}"
                findings.error("columns", found, line, file=where)
            else:
                yield line, cells


def _names(archive: Archive, name: str, findings: Findings) -> dict[str, _Names]:
    found: dict[str, _Names] = {}
    for line, (id, text, _, kind, *_) in _rows(archive, name, 4, findings):
        names = found.setdefault(id, _Names())
        text = text.replace('\\"', "").replace('"', "")
        if kind == "scientific name":
            names.scientific = text
        else:
            names.other.append((text, kind, line))
    return found


def _merged(archive: Archive, name: str, findings: Findings) -> dict[str, list[str]]:
    """Identifier → those that were merged into it."""
    found: dict[str, list[str]] = {}
    for _, (old, new, *_) in _rows(archive, name, 2, findings):
        found.setdefault(new, []).append(old)
    return found


def _usages(
    archive: Archive, name: str, named: dict[str, _Names], old: dict[str, list[str]], findings: Findings
) -> Iterator[NameUsage]:
    seen: set[str] = set()
    for line, (id, parent, rank, *_) in _rows(archive, name, 3, findings):
        seen.add(id)
        if id == parent == ROOT:
            continue
        names = named.get(id)
        if not names or not names.scientific:
            findings.error("no name", f"the node {id} has no scientific name in names.dmp", line)
            continue
        authors = names.authorships()
        common = tuple(dict.fromkeys(names.of("genbank common name", "common name")))
        yield NameUsage(
            id,
            names.scientific,
            rank,
            parent="" if parent == ROOT else parent,
            authorship=authors.get(names.scientific, ""),
            line=line,
            common_names={"en": common} if common else {},
            ids={"ncbi": id},
            extra={"ncbi_merged": " ".join(old[id])} if id in old else {},
        )
        for synonym, kind, _ in names.other:
            if kind in SYNONYMS:
                yield NameUsage(
                    f"{id} {synonym}", synonym, rank, accepted=(id,), authorship=authors.get(synonym, ""), line=line
                )
    if nodeless := sum(id not in seen for id in named):
        findings.warn("no node", f"{nodeless} identifiers in names.dmp are not in nodes.dmp; they are left out")
