"""Resolves the references between rows of a checklist: names and rank columns become identifiers.

In Darwin Core and ColDP a row refers to its parent by identifier (`parentNameUsageID`), by name (`parentNameUsage`) or by
rank columns (`family`, `genus`). Real files mix all three, and lack rows that others refer to.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import HOMONYMS, ORDER, Findings, NameUsage, parse_name, split_authorship
from bioclip_x_plugins.readers.vocabulary.rank_words import infer_rank

_PLAIN: Final = re.compile(r"[A-Z][a-z-]+(?: [a-z-]{3,}){0,2}")
Lineage = tuple[tuple[str, str], ...]
"""(rank, name) pairs from the highest rank down."""


@dataclass(slots=True)
class ChecklistRow:
    """A row before its references are resolved.

    usage: its name, normalised rank and references by identifier; `lineage` is not used. higher_taxa: its rank columns above
    its own rank. parent_name, accepted_name: full names with authors, as written. is_bare: the file calls the name a synonym,
    or excludes it, without an accepted name.
    """

    usage: NameUsage
    higher_taxa: Lineage = ()
    parent_name: str = ""
    accepted_name: str = ""
    is_bare: bool = False
    synonyms: tuple[tuple[str, str], ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.usage.name} {self.usage.authorship}".strip()


def make_usages(rows: Sequence[ChecklistRow], findings: Findings) -> list[NameUsage]:
    """Resolves the references of all rows, adding the taxa that are missing. Bare names are left out with a warning."""
    return _Resolver(rows, findings).make_usages()


def clean_name(text: str, authorship: str = "", rank: str = "") -> tuple[str, str, str]:
    """Splits a name that may contain its author and a subgenus into (name, authorship, subgenus).

    >>> clean_name("Hyalonema (Corynonema) calix Schulze, 1904")
    ('Hyalonema calix', 'Schulze, 1904', 'Corynonema')
    """
    text, authorship = " ".join(text.split()), " ".join(authorship.split())
    if authorship and text.endswith(f" {authorship}"):
        text = text.removesuffix(authorship).rstrip()
    if _PLAIN.fullmatch(text):
        return text, authorship, ""
    parsed = parse_name(text, rank)
    is_binomial = parsed.infrageneric and parsed.epithet and not parsed.is_placeholder
    name = parsed.canonical if is_binomial else parsed.name
    return name, authorship or parsed.authorship, parsed.infrageneric if is_binomial else ""


def lift_above_nameless(rows: Iterable[ChecklistRow], parent_of_nameless: Mapping[str, str]) -> None:
    """Puts taxa whose parent is a row without a name below the parent of that row."""
    parent_of = dict(parent_of_nameless)
    for row in rows:
        path: set[str] = set()
        parent = row.usage.parent
        while parent and parent in parent_of and parent not in path:
            path.add(parent)
            parent = parent_of[parent]
        row.usage.parent = parent
        parent_of.update(dict.fromkeys(path, parent))  # others below them need not go the whole way


@lru_cache(maxsize=65536)
def clean_column_name(cell: str, rank: str) -> str:
    """Like `clean_name`, for a rank column, whose names are repeated in many rows."""
    return clean_name(cell, rank=rank)[0]


@dataclass
class _Resolver:
    rows: Sequence[ChecklistRow]
    findings: Findings
    taxa: dict[str, ChecklistRow] = field(default_factory=dict)
    by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_rank: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    id_of_lineage: dict[Lineage, str] = field(default_factory=dict)
    added: list[NameUsage] = field(default_factory=list)

    def make_usages(self) -> list[NameUsage]:
        synonyms, bare = [], []
        for row in self.rows:
            if row.usage.accepted or self._is_synonym(row):
                synonyms.append(row)
            elif row.is_bare:
                bare.append(row)
            else:
                self._index(row)
        for row in list(self.taxa.values()):
            row.usage.parent = self._find_parent(row)
        taxa = [row for row in self.rows if not (row.usage.accepted or row.accepted_name or row.is_bare)]
        for row in taxa:  # a second row with the same id adds a second parent
            if row is not self.taxa[row.usage.id]:
                row.usage.parent = self._find_parent(row)
        for row in synonyms:
            row.usage.accepted = self._find_accepted(row)
        for row in bare:
            self.findings.warn(
                "bare name",
                f"{row.full_name} is a synonym or an excluded name without an accepted name; left out",
                row.usage.line,
            )
        return [*self.added, *(row.usage for row in taxa), *(row.usage for row in synonyms)]

    def _is_synonym(self, row: ChecklistRow) -> bool:
        """Whether the accepted name differs from the row's own name, authors ignored; clears it if it does not."""
        if row.accepted_name and clean_name(row.accepted_name)[0] == row.usage.name:
            row.accepted_name = ""
        return bool(row.accepted_name)

    def _index(self, row: ChecklistRow) -> None:
        usage = row.usage
        if self.taxa.setdefault(usage.id, row) is row:
            self.by_rank[usage.rank, usage.name].append(usage.id)
            for name in {usage.name, row.full_name}:
                self.by_name[name].append(usage.id)

    def _find_parent(self, row: ChecklistRow) -> str:
        """Returns the parent's id, found by id, else by name, else by rank columns; a missing parent is added."""
        usage = row.usage
        if usage.parent in self.taxa:
            return usage.parent
        higher_taxa = _add_species(usage, row.higher_taxa)
        if row.parent_name:
            parent = self._find_by_name(row.parent_name, higher_taxa, usage.id, ORDER.get(usage.rank))
            if parent:
                return parent
            if clean_name(row.parent_name)[0] != usage.name:  # some files list a root as its own parent
                return self._find_or_add(row.parent_name, higher_taxa, usage.parent, usage.line)
        if usage.parent and higher_taxa:
            self.findings.warn(
                "dangling parent",
                f"the parent {usage.parent!r} of {usage.name} is not in the file; its rank columns are used instead",
                usage.line,
            )
        # If neither is known, `from_usages` reports the error. ITIS's and WoRMS's topmost taxa have the parent 0.
        return self._find_or_add_lineage(higher_taxa, usage.line) or ("" if usage.parent == "0" else usage.parent)

    def _find_accepted(self, row: ChecklistRow) -> list[str]:
        usage, name = row.usage, row.accepted_name
        if not name or any(id in self.taxa for id in usage.accepted):
            return list(usage.accepted)
        lineage = _make_accepted_lineage(row)
        id = usage.accepted[0] if usage.accepted else ""
        return [self._find_by_name(name, lineage, usage.id) or self._find_or_add(name, lineage, id, usage.line)]

    def _find_by_name(self, text: str, higher_taxa: Lineage, own_id: str, below: int | None = None) -> str:
        """Returns the id of another listed taxon of this name, with or without author; "" if there is none.

        below: only ranks that come before this position in `ORDER` are accepted.
        """
        names = (" ".join(text.split()), clean_name(text)[0])
        ids = [id for name in names for id in self.by_name.get(name, ())[:HOMONYMS]]
        if below is not None:
            ids = [id for id in ids if ORDER.get(self.taxa[id].usage.rank, -1) < below]
        return self._find_compatible(ids, higher_taxa, own_id)

    def _find_or_add(self, text: str, higher_taxa: Lineage, id: str, line: int) -> str:
        """Returns the id of an unlisted taxon called `text`: the one within `higher_taxa`, else a new one below them."""
        index = _find_in_lineage(text, higher_taxa)
        lineage = higher_taxa if index is None else higher_taxa[:index]
        name, authorship, _ = clean_name(text, rank="" if index is None else higher_taxa[index][0])
        lineage = (*lineage, (infer_rank(name) if index is None else higher_taxa[index][0], name))
        return self.id_of_lineage.get(lineage) or self._add_usage(lineage, id or f"name: {text}", authorship, line)

    def _find_or_add_lineage(self, lineage: Lineage, line: int) -> str:
        """Returns the id of the last taxon of a lineage, adding what is missing; "" for an empty lineage."""
        if not lineage:
            return ""
        if lineage not in self.id_of_lineage:
            id = self._find_compatible(self.by_rank.get(lineage[-1], ())[:HOMONYMS], lineage[:-1], "")
            self.id_of_lineage[lineage] = id or self._add_usage(
                lineage, "lineage: " + " > ".join(name for _, name in lineage), "", line
            )
        return self.id_of_lineage[lineage]

    def _add_usage(self, lineage: Lineage, id: str, authorship: str, line: int) -> str:
        rank, name = lineage[-1]
        usage = NameUsage(
            id, name, rank, self._find_or_add_lineage(lineage[:-1], line), authorship=authorship, line=line
        )
        self.added.append(usage)
        self.id_of_lineage[lineage] = id
        self._index(ChecklistRow(usage, lineage[:-1]))
        return id

    def _find_compatible(self, ids: Iterable[str], higher_taxa: Lineage, own_id: str) -> str:
        """Returns the first id whose rank columns do not contradict `higher_taxa`: homonyms exist in different kingdoms."""
        expected = dict(higher_taxa)
        for id in ids:
            candidate = self.taxa[id].higher_taxa
            if id != own_id and all(expected.get(rank, name) == name for rank, name in candidate):
                return id
        return ""


def _add_species(usage: NameUsage, higher_taxa: Lineage) -> Lineage:
    """Appends the species to the lineage of a subspecies, variety or form."""
    if ORDER.get(usage.rank, 0) <= ORDER["species"] or not higher_taxa or higher_taxa[-1][0] == "species":
        return higher_taxa
    parsed = parse_name(usage.name)
    return (*higher_taxa, ("species", f"{parsed.genus} {parsed.epithet}")) if parsed.infraspecific else higher_taxa


def _find_in_lineage(text: str, lineage: Lineage) -> int | None:
    """Returns the index of a name, with or without author, in a lineage."""
    for index, (rank, name) in enumerate(lineage):
        if text.startswith(name) and (text == name or clean_name(text, rank=rank)[0] == name):
            return index
    return None


def _make_accepted_lineage(synonym: ChecklistRow) -> Lineage:
    """Makes the lineage of a synonym's accepted name: the synonym's taxa above genus, then the genus of the accepted name."""
    accepted = parse_name(split_authorship(synonym.accepted_name)[0])
    lineage = tuple(taxon for taxon in synonym.higher_taxa if ORDER.get(taxon[0], 0) < ORDER["genus"])
    return (*lineage, ("genus", accepted.genus)) if accepted.epithet and lineage else lineage
