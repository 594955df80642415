"""Rows of a checklist that speak of other taxa by name, or by rank columns → rows that speak of them by identifier.

Darwin Core and ColDP let a row name its parent by identifier (`parentNameUsageID`), by name (`parentNameUsage`), or only by
columns (`family`, `genus`); real files mix all three, and leave out rows that others point to.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import ORDER, Findings, NameUsage, parse_name, split_authorship
from bioclip_x_plugins.readers.checklists.rank_words import rank_of_name

_PLAIN: Final = re.compile(r"[A-Z][a-z-]+(?: [a-z-]{3,}){0,2}")
Lineage = tuple[tuple[str, str], ...]
"""(rank, name) from the top down."""


@dataclass(slots=True)
class Listed:
    """A row as it stands.

    usage: what of it is by identifier; its rank in the usual spelling, its lineage not used. above: rank columns above its
    own rank. parent_name, accepted_name: whole names, author included, as the file has them. is_bare: a name that its file
    calls a synonym, or puts aside, without saying of what.
    """

    usage: NameUsage
    above: Lineage = ()
    parent_name: str = ""
    accepted_name: str = ""
    is_bare: bool = False

    @property
    def whole_name(self) -> str:
        return f"{self.usage.name} {self.usage.authorship}".strip()


def to_usages(rows: Sequence[Listed], findings: Findings) -> list[NameUsage]:
    """Finds, or makes, the taxa that rows name. Bare names are left out, each with a warning."""
    return _Checklist(rows, findings).usages()


def clean_name(text: str, authorship: str = "", rank: str = "") -> tuple[str, str, str]:
    """(name, authorship, subgenus) of a name that may have its author, or a subgenus, inside.

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


@lru_cache(maxsize=65536)
def make_column_name(cell: str, rank: str) -> str:
    """The name in a rank column, in which many rows have the same."""
    return clean_name(cell, rank=rank)[0]


@dataclass
class _Checklist:
    rows: Sequence[Listed]
    findings: Findings
    taxa: dict[str, Listed] = field(default_factory=dict)
    by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_rank: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    placed: dict[Lineage, str] = field(default_factory=dict)
    made: list[NameUsage] = field(default_factory=list)

    def usages(self) -> list[NameUsage]:
        synonyms, bare = [], []
        for row in self.rows:
            if row.usage.accepted or self._is_of_another(row):
                synonyms.append(row)
            elif row.is_bare:
                bare.append(row)
            else:
                self._add(row)
        for row in list(self.taxa.values()):
            row.usage.parent = self._parent(row)
            # Also one with subspecies: who sees a subspecies names the species.
            row.usage.is_class |= row.usage.rank == "species"
        taxa = [row for row in self.rows if not (row.usage.accepted or row.accepted_name or row.is_bare)]
        for row in taxa:  # a second row of an identifier: a second parent
            if row is not self.taxa[row.usage.id]:
                row.usage.parent = self._parent(row)
        for row in synonyms:
            row.usage.accepted = self._accepted(row)
        for row in bare:
            self.findings.warn(
                "bare name",
                f"{row.whole_name} is called a synonym, or put aside, without an accepted name; left out",
                row.usage.line,
            )
        return [*self.made, *(row.usage for row in taxa), *(row.usage for row in synonyms)]

    def _is_of_another(self, row: Listed) -> bool:
        """Whether its accepted name is not its own, with or without the author."""
        if row.accepted_name and clean_name(row.accepted_name)[0] == row.usage.name:
            row.accepted_name = ""
        return bool(row.accepted_name)

    def _add(self, row: Listed) -> None:
        usage = row.usage
        if self.taxa.setdefault(usage.id, row) is row:
            self.by_rank[usage.rank, usage.name].append(usage.id)
            for name in {usage.name, row.whole_name}:
                self.by_name[name].append(usage.id)

    def _parent(self, row: Listed) -> str:
        """The id of the taxon above: by id, else by name, else by the rank columns; made where there is none."""
        usage = row.usage
        if usage.parent in self.taxa:
            return usage.parent
        above = _with_species(usage, row.above)
        if row.parent_name:
            found = self._by_name(row.parent_name, above, usage.id, ORDER.get(usage.rank))
            if found:
                return found
            if clean_name(row.parent_name)[0] != usage.name:  # files tell of a top that it is its own parent
                return self._made(row.parent_name, above, usage.parent, usage.line)
        if usage.parent and above:
            self.findings.warn(
                "dangling parent",
                f"the parent {usage.parent!r} of {usage.name} is not in the file; it is placed by its rank columns",
                usage.line,
            )
        # Without either, what is wrong is told by `from_usages`.
        return self._place(above, usage.line) or usage.parent

    def _accepted(self, row: Listed) -> list[str]:
        usage, name = row.usage, row.accepted_name
        if not name or any(one in self.taxa for one in usage.accepted):
            return list(usage.accepted)
        above = _without_genus_of(row)
        id = usage.accepted[0] if usage.accepted else ""
        return [self._by_name(name, above, usage.id) or self._made(name, above, id, usage.line)]

    def _by_name(self, text: str, above: Lineage, own: str, below: int | None = None) -> str:
        """The id of a listed taxon of this name, with author or without, other than its own; "" where there is none.

        below: the place in the order of ranks above which it must be.
        """
        names = (" ".join(text.split()), clean_name(text)[0])
        ids = [id for name in names for id in self.by_name.get(name, ())]
        if below is not None:
            ids = [id for id in ids if ORDER.get(self.taxa[id].usage.rank, -1) < below]
        return self._fitting(ids, above, own)

    def _made(self, text: str, above: Lineage, id: str, line: int) -> str:
        """The id of the taxon called `text`, which no row has, within `above` (or in it)."""
        place = _place_of(text, above)
        lineage = above if place is None else above[:place]
        name, authorship, _ = clean_name(text, rank="" if place is None else above[place][0])
        whole = (*lineage, (rank_of_name(name) if place is None else above[place][0], name))
        return self.placed.get(whole) or self._make(whole, id or f"name: {text}", authorship, line)

    def _place(self, lineage: Lineage, line: int) -> str:
        """The id of the last taxon of a lineage, "" for an empty one."""
        if not lineage:
            return ""
        if lineage not in self.placed:
            found = self._fitting(self.by_rank.get(lineage[-1], ()), lineage[:-1], "")
            self.placed[lineage] = found or self._make(
                lineage, "lineage: " + " > ".join(n for _, n in lineage), "", line
            )
        return self.placed[lineage]

    def _make(self, lineage: Lineage, id: str, authorship: str, line: int) -> str:
        rank, name = lineage[-1]
        usage = NameUsage(id, name, rank, self._place(lineage[:-1], line), authorship=authorship, line=line)
        self.made.append(usage)
        self.placed[lineage] = id
        self._add(Listed(usage, lineage[:-1]))
        return id

    def _fitting(self, ids: Iterable[str], above: Lineage, own: str) -> str:
        """The first whose own rank columns do not contradict `above`: homonyms live in different kingdoms."""
        ranks = dict(above)
        for id in ids:
            theirs = self.taxa[id].above
            if id != own and all(ranks.get(rank, name) == name for rank, name in theirs):
                return id
        return ""


def _with_species(usage: NameUsage, above: Lineage) -> Lineage:
    """A subspecies, variety or form lies below the species that its name names."""
    if ORDER.get(usage.rank, 0) <= ORDER["species"] or not above or above[-1][0] == "species":
        return above
    parsed = parse_name(usage.name)
    return (*above, ("species", f"{parsed.genus} {parsed.epithet}")) if parsed.infraspecific else above


def _place_of(text: str, above: Lineage) -> int | None:
    """Where a name, with or without author, stands in a lineage; None for nowhere."""
    for place, (rank, name) in enumerate(above):
        if text.startswith(name) and (text == name or clean_name(text, rank=rank)[0] == name):
            return place
    return None


def _without_genus_of(synonym: Listed) -> Lineage:
    """The lineage of a synonym's accepted name, which has a genus of its own: what is above the genus, and that genus."""
    accepted = parse_name(split_authorship(synonym.accepted_name)[0])
    above = tuple(one for one in synonym.above if ORDER.get(one[0], 0) < ORDER["genus"])
    return (*above, ("genus", accepted.genus)) if accepted.epithet and above else above
