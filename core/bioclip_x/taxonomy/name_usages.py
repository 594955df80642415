"""Name usages, as checklists list them by identifier and parent, → a tree.

Darwin Core, ColDP, NCBI's taxdump, edge lists and iNaturalist's categories all come down to this: rows that name a
taxon, its parent or its accepted name. What can be wrong with such rows is found here, once, for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.details import NO_DETAILS, Details
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.tree import Taxonomy

SeveralParents = Literal["refuse", "first", "all"]
"""What to do with a node that has several parents: an error; its first parent; or a copy of it (and of all below) under
each."""

MOST_COPIES: Final = 20_000_000
"""Nodes that a graph may have once those with several parents are copied; the number can grow beyond all bounds."""


@dataclass(slots=True)
class NameUsage:
    """One row of a checklist (a "name usage" in the Catalogue of Life's terms).

    id: unique in the file, any text. parent: id of the taxon above, "" for a top; several rows of one id are several
        parents. accepted: for a synonym, the ids of the taxa it belongs to; no taxon is made of it then.
    rank: as written; "" for none. name: without author. authorship: author and year, as written. line: in the file.
    lineage: (rank, name) of the taxa above from the top, for files that spell them out instead of naming a parent.
    is_class: makes a class of a taxon even if others lie below it; tips are classes anyway.
    """

    id: str
    name: str
    rank: str = ""
    parent: str = ""
    accepted: Sequence[str] = ()
    authorship: str = ""
    lineage: Sequence[tuple[str, str]] = ()
    line: int = 0
    is_class: bool = False
    common_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


def from_usages(
    usages: Iterable[NameUsage],
    findings: Findings,
    *,
    source: str,
    several_parents: SeveralParents = "refuse",
    dangling: Literal["error", "top"] = "error",
) -> Taxonomy:
    """Compiles rows into a tree. Raises TaxonomyError with all errors at once.

    findings: what the reader found already; what is found here joins it, and its warnings become the tree's `problems`.
    dangling: a parent that no row has is an error, or a warning and its child a top ("top"), for files cut out of larger ones.

    Errors: cycles; dangling parents; several parents, where refused; rows without name. Warnings: a row listed twice;
    synonyms whose accepted name is missing (left out), or is itself a synonym (followed).
    """
    taxa, parents, synonyms = _sorted_out(usages, findings)
    _find_dangling(taxa, parents, synonyms, findings, dangling)
    if several_parents != "all":
        _keep_one_parent(taxa, parents, findings, several_parents)
    _find_cycles(taxa, parents, findings)
    findings.raise_errors()
    names_of = _synonyms_of(taxa, synonyms, findings)
    return _gathered(taxa, parents, names_of, findings).build(source, findings=findings)


def _sorted_out(
    usages: Iterable[NameUsage], findings: Findings
) -> tuple[dict[str, NameUsage], dict[str, list[str]], dict[str, NameUsage]]:
    """The taxa, the parents of each, and the synonyms, by id."""
    taxa: dict[str, NameUsage] = {}
    parents: dict[str, list[str]] = {}
    synonyms: dict[str, NameUsage] = {}
    for usage in usages:
        if not usage.name.strip():
            findings.error("no name", f"the row {usage.id!r} has no name", usage.line)
        elif usage.accepted:
            first = synonyms.setdefault(usage.id, usage)
            if first is not usage:  # of several taxa, a row each
                first.accepted = [*first.accepted, *(one for one in usage.accepted if one not in first.accepted)]
        elif usage.id not in taxa:
            taxa[usage.id] = usage
            parents[usage.id] = (
                [] if usage.parent in ("", usage.id) else [usage.parent]
            )  # NCBI's root is its own parent
        elif usage.parent in ("", usage.id, *parents[usage.id]):
            first = taxa[usage.id]
            told = f"is listed twice, first in line {first.line}"
            if usage.name != first.name:
                told = f"has the id {usage.id!r}, which {_called(first)} has in line {first.line}; left out"
            findings.warn("listed twice", f"{_called(usage)} {told}", usage.line)
        else:
            parents[usage.id].append(usage.parent)
    return taxa, parents, synonyms


def _find_dangling(
    taxa: Mapping[str, NameUsage],
    parents: dict[str, list[str]],
    synonyms: Mapping[str, NameUsage],
    findings: Findings,
    dangling: Literal["error", "top"],
) -> None:
    """Drops parents that no row has; one that is a synonym stands for the taxon it belongs to."""
    for id, above in parents.items():
        for place, parent in enumerate(above):
            if parent in taxa:
                continue
            usage = taxa[id]
            meant = next((one for one in _accepted(parent, synonyms) if one in taxa and one != id), "")
            above[place] = meant
            if meant:
                findings.warn(
                    "parent is a synonym",
                    f"the parent of {_called(usage)} is a synonym of {_called(taxa[meant])}",
                    usage.line,
                )
            elif dangling == "top":
                findings.warn(
                    "dangling parent",
                    f"the parent {parent!r} of {_called(usage)} is not in the file; it was put at the top",
                    usage.line,
                )
            else:
                findings.error(
                    "dangling parent", f"the parent {parent!r} of {_called(usage)} is not in the file", usage.line
                )
        parents[id] = [parent for parent in above if parent]


def _keep_one_parent(
    taxa: Mapping[str, NameUsage], parents: dict[str, list[str]], findings: Findings, kept: Literal["refuse", "first"]
) -> None:
    several = [id for id, above in parents.items() if len(above) > 1]
    for id in several:
        named = ", ".join(_called(taxa[parent]) for parent in parents[id])
        message = f"{_called(taxa[id])} has several parents ({named})"
        if kept == "first":
            findings.warn("several parents", f"{message}; the first is taken", taxa[id].line)
            parents[id] = parents[id][:1]
        else:
            hint = "--dag first takes the first of them, --dag all puts a copy under each"
            findings.error("several parents", f"{message}; {hint}", taxa[id].line)


def _find_cycles(taxa: Mapping[str, NameUsage], parents: Mapping[str, list[str]], findings: Findings) -> None:
    """Takes away, again and again, what has no parent left; what stays lies on a cycle or below one."""
    children: dict[str, list[str]] = {id: [] for id in taxa}
    left = {id: len(above) for id, above in parents.items()}
    for id, above in parents.items():
        for parent in above:
            children[parent].append(id)
    free = [id for id, count in left.items() if not count]
    while free:
        id = free.pop()
        del left[id]
        for child in children[id]:
            left[child] -= 1
            if not left[child]:
                free.append(child)
    told: set[str] = set()
    for start in left:
        path: dict[str, None] = {}
        at = start
        while at not in path and at not in told:
            path[at] = None
            at = next(parent for parent in parents[at] if parent in left)
        if at in path:
            names = list(path)
            cycle = [*names[names.index(at) :], at]
            findings.error(
                "cycle", "a cycle of parents: " + " → ".join(_called(taxa[id]) for id in cycle), taxa[at].line
            )
        told |= path.keys()


def _accepted(id: str, synonyms: Mapping[str, NameUsage]) -> list[str]:
    """The ids that a synonym stands for, through synonyms of synonyms; itself, if it is none."""
    found: list[str] = []
    seen: set[str] = set()
    stack = [id]
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in synonyms:
            stack.extend(reversed(synonyms[at].accepted))
        else:
            found.append(at)
    return found


def _synonyms_of(
    taxa: Mapping[str, NameUsage], synonyms: Mapping[str, NameUsage], findings: Findings
) -> dict[str, list[NameUsage]]:
    """Of each taxon, by id."""
    of: dict[str, list[NameUsage]] = {}
    for id, usage in synonyms.items():
        # A row may be a taxon and a synonym at once, of another or (misapplied) of itself.
        accepted = [
            one for target in usage.accepted for one in ([target] if target in taxa else _accepted(target, synonyms))
        ]
        known = [one for one in dict.fromkeys(accepted) if one in taxa]
        for one in known:
            if (usage.name, usage.authorship) != (taxa[one].name, taxa[one].authorship):
                of.setdefault(one, []).append(usage)
        if not known:
            findings.warn(
                "dangling synonym",
                f"the accepted name {usage.accepted[0]!r} of the synonym {_called(usage)} ({id}) is not in the file; the "
                "synonym is left out",
                usage.line,
            )
    return of


def _gathered(
    taxa: Mapping[str, NameUsage],
    parents: Mapping[str, list[str]],
    synonyms_of: Mapping[str, list[NameUsage]],
    findings: Findings,
) -> TaxonomyBuilder:
    """The nodes, parents first; one with several parents, and all below it, under each of them."""
    builder = TaxonomyBuilder()
    made: dict[str, list[int]] = {}
    for id in _parents_first(taxa, parents):
        usage = taxa[id]
        about = _details(usage, synonyms_of.get(id, ()))
        above = [node for parent in parents[id] for node in made[parent]]
        if not above:
            above = [builder.add_lineage(usage.lineage, is_class=False, line=usage.line) if usage.lineage else 0]
        # Taxa of files that spell lineages out meet those that others' lineages have made.
        made[id] = [
            builder.add(node, usage.rank, usage.name, about, merge=bool(usage.lineage), line=usage.line)
            for node in above
        ]
        if usage.is_class:
            for node in made[id]:
                builder.mark_class(node)
        if len(builder) > MOST_COPIES:
            findings.error(
                "several parents", f"with copies under each parent there are more than {MOST_COPIES:,} nodes"
            )
            findings.raise_errors()
    return builder


def _parents_first(taxa: Mapping[str, NameUsage], parents: Mapping[str, list[str]]) -> Iterable[str]:
    """In the order of the file where that has parents first already. There are no cycles."""
    done: set[str] = set()
    for id in taxa:
        stack = [id]
        while stack:
            at = stack[-1]
            wanting = [parent for parent in parents[at] if parent not in done] if at not in done else []
            if wanting:
                stack.extend(wanting)
                continue
            stack.pop()
            if at not in done:
                done.add(at)
                yield at


def _details(usage: NameUsage, synonyms: Sequence[NameUsage]) -> Details:
    if not (usage.common_names or usage.ids or usage.extra or usage.authorship or synonyms):
        return NO_DETAILS
    return Details(
        usage.common_names,
        usage.ids,
        usage.extra,
        usage.authorship,
        tuple(dict.fromkeys(Synonym(other.name, other.authorship, other.rank) for other in synonyms)),
    )


def _called(usage: NameUsage) -> str:
    return f"{usage.rank} {usage.name}".strip()
