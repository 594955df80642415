"""The NCBI taxonomy dump: a folder or archive with nodes.dmp, names.dmp and, optionally, merged.dmp.

    nodes.dmp   562	|	561	|	species	|	EC	|	0	|	…
    names.dmp   562	|	Escherichia coli	|		|	scientific name	|

The path of one of the files works too. Kept are scientific names, authors, synonyms, common names (GenBank's first),
identifiers (`ncbi`) and merged identifiers (the extra `ncbi_merged`). "No rank" and "clade" give no rank, and the root node is
left out. Misspellings, strains, acronyms and BLAST names are dropped.
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
    FormatExample,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    is_archive,
    name_content,
    open_archive,
)
from bioclip_x_plugins.readers.lines import read_text_stream

FILES: Final = ("nodes.dmp", "names.dmp")
MERGED: Final = "merged.dmp"
ROOT: Final = "1"
SYNONYMS: Final = frozenset(
    {"synonym", "equivalent name", "genbank synonym", "anamorph", "teleomorph", "genbank anamorph"}
)
MAX_SNIFFED_ARCHIVE: Final = 1 << 24
"""The most bytes of an archive that is opened for sniffing; a larger one is recognised by "taxd" in its name."""


class TaxdumpReader:
    """Reads nodes.dmp and names.dmp."""

    capabilities = TaxonomyReaderCapabilities(
        reads_beside=(*FILES, MERGED),
        example=FormatExample(
            "taxdump/",
            {
                "taxdump/nodes.dmp": "1\t|\t1\t|\tno rank\t|\n9153\t|\t1\t|\tgenus\t|\n9157\t|\t9153\t|\tspecies\t|\n",
                "taxdump/names.dmp": "1\t|\troot\t|\t\t|\tscientific name\t|\n"
                "9153\t|\tParus\t|\t\t|\tscientific name\t|\n"
                "9157\t|\tParus major\t|\t\t|\tscientific name\t|\n"
                "9157\t|\tGreat Tit\t|\t\t|\tgenbank common name\t|\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.name.lower() in FILES:
            return True
        if path.is_dir():
            return any(name_content(file).name.lower() in FILES for file in path.iterdir() if file.is_file())
        if not is_archive(head):
            return False
        return "taxd" in path.name.lower() or (path.stat().st_size <= MAX_SNIFFED_ARCHIVE and _contains_nodes(path))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: too few columns, a node without a name, a missing parent, a cycle."""
        findings = Findings(str(path))
        root = path.parent if name_content(path).name.lower() in FILES and path.is_file() else path
        with open_archive(root) as archive:
            nodes, names, merged = (archive.find(name) for name in (*FILES, MERGED))
            if not (nodes and names):
                missing = " and ".join(name for name, member in zip(FILES, (nodes, names)) if not member)
                raise TaxonomyError(f"{root} has no {missing}; expected nodes.dmp and names.dmp of one dump")
            names_of = _read_names(archive, names, findings)
            merged_into = _read_merged(archive, merged, findings) if merged else {}
            findings.file = archive.where(nodes)
            usages = _make_usages(archive, nodes, names_of, merged_into, findings)
            return from_usages(usages, findings, source=str(path))


@dataclass(slots=True)
class _Names:
    """The names of one taxon. other: (name, name class, line)."""

    scientific: str = ""
    other: list[tuple[str, str, int]] = field(default_factory=list)

    def of(self, *classes: str) -> Iterator[str]:
        return (name for wanted in classes for name, kind, _ in self.other if kind == wanted)

    def authorships(self) -> dict[str, str]:
        """Maps scientific name and synonyms to authors, from lines such as "Escherichia coli (Migula 1895) Castellani …"."""
        authors: dict[str, str] = {}
        known = [self.scientific, *(name for name, kind, _ in self.other if kind in SYNONYMS)]
        for authority in self.of("authority"):
            name = max((name for name in known if authority.startswith(f"{name} ")), key=len, default="")
            if name:
                authors.setdefault(name, authority.removeprefix(name).strip())
        return authors


def _contains_nodes(path: Path) -> bool:
    try:
        with open_archive(path) as archive:
            return bool(archive.find("nodes.dmp"))
    except (BioclipXError, OSError):
        return False


def _read_rows(archive: Archive, name: str, columns: int, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Yields (line, cells); rows that are too short, or do not start with a number, are reported as errors."""
    where = archive.where(name)
    with archive.open(name) as stream:
        for line, text in read_text_stream(stream, where):
            cells = [cell.strip() for cell in text.rstrip().removesuffix("|").split("|")]
            if len(cells) < columns or not cells[0].isdecimal():
                message = (
                    f"expected at least {columns} cells between '|', the first a number; got {text.strip()[:60]!r}"
                )
                findings.error("columns", message, line, file=where)
            else:
                yield line, cells


def _read_names(archive: Archive, name: str, findings: Findings) -> dict[str, _Names]:
    names_of: dict[str, _Names] = {}
    for line, (id, text, _, kind, *_) in _read_rows(archive, name, 4, findings):
        names = names_of.setdefault(id, _Names())
        text = text.replace('\\"', "").replace('"', "")
        if kind == "scientific name":
            names.scientific = text
        else:
            names.other.append((text, kind, line))
    return names_of


def _read_merged(archive: Archive, name: str, findings: Findings) -> dict[str, list[str]]:
    """Maps an identifier to the ones merged into it."""
    merged_into: dict[str, list[str]] = {}
    for _, (old, new, *_) in _read_rows(archive, name, 2, findings):
        merged_into.setdefault(new, []).append(old)
    return merged_into


def _make_usages(
    archive: Archive, name: str, names_of: dict[str, _Names], merged_into: dict[str, list[str]], findings: Findings
) -> Iterator[NameUsage]:
    seen: set[str] = set()
    for line, (id, parent, rank, *_) in _read_rows(archive, name, 3, findings):
        seen.add(id)
        if id == parent == ROOT:
            continue
        names = names_of.get(id)
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
            extra={"ncbi_merged": " ".join(merged_into[id])} if id in merged_into else {},
        )
        for synonym, kind, _ in names.other:
            if kind in SYNONYMS:
                yield NameUsage(
                    f"{id} {synonym}", synonym, rank, accepted=(id,), authorship=authors.get(synonym, ""), line=line
                )
    if nodeless := sum(id not in seen for id in names_of):
        findings.warn("no node", f"{nodeless} identifiers in names.dmp are not in nodes.dmp; left out")
