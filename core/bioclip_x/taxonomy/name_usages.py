"""Builds a tree from name usages: rows of a checklist with an identifier and a parent or accepted name.

Darwin Core, ColDP, NCBI's taxdump, edge lists and iNaturalist's categories share this structure. This module reports
the errors in such rows for all of these formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bioclip_x.limits import SYNONYM_STEPS, TREE_COPIES
from bioclip_x.messages import list_some
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.details import NO_DETAILS, Details
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.levels import has_too_many_copies
from bioclip_x.taxonomy.placeholders import is_placeholder
from bioclip_x.taxonomy.tree import Taxonomy

MAX_OF_CYCLE: Final = 8
"""Names shown of a cycle in a message."""

SeveralParents = Literal["refuse", "first", "all"]
"""How to handle a node with several parents: raise an error, keep the first parent, or copy its subtree under each."""


@dataclass(slots=True)
class NameUsage:
    """One row of a checklist (a "name usage" in the Catalogue of Life's terms).

    id: unique in the file, any text. parent: id of the parent taxon, "" for none; several rows with one id give several
        parents. accepted: for a synonym, the ids of its accepted taxa; such a row does not become a taxon.
    rank: as written; "" for none. name: without author. authorship: author and year, as written. line: in the file.
    lineage: (rank, name) of the taxa above from the top, for files that give the lineage instead of a parent.
    is_class: marks an inner node as a class, or a species as none; None for what is usual at its rank
        (`TaxonomyBuilder.mark_class`). is_beside: a label beside the tree; such a row does not become a taxon.
    """

    id: str
    name: str
    rank: str = ""
    parent: str = ""
    accepted: Sequence[str] = ()
    authorship: str = ""
    lineage: Sequence[tuple[str, str]] = ()
    line: int = 0
    is_class: bool | None = None
    is_beside: bool = False
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

    findings: from the reader; errors and warnings are added to it, and its warnings become the tree's `problems`.
    dangling: "error" if a parent that is not in the file is an error; "top" to warn and move the child to the top level,
        for excerpts of larger files.

    Errors: cycles of parents, and of synonyms; dangling parents; several parents, where refused; rows without a name.
    Warnings: a row listed twice; synonyms whose accepted name is missing (left out), or is itself a synonym (followed); rows
    whose name is a placeholder (unknown, NA): the taxa below such a row are put below its parent.
    """
    usages = _lift_above_placeholders(usages, findings)
    taxa, parents, synonyms = _separate_synonyms((usage for usage in usages if not usage.is_beside), findings)
    _resolve_dangling_parents(taxa, parents, synonyms, findings, dangling)
    if several_parents != "all":
        _resolve_several_parents(taxa, parents, findings, several_parents)
    _find_cycles(taxa, parents, findings)
    _find_synonym_cycles(taxa, synonyms, findings)
    findings.raise_errors()
    order = list(_sort_parents_first(taxa, parents))
    _refuse_many_copies(order, parents, findings)
    synonyms_of = _group_synonyms(taxa, synonyms, findings)
    builder = _build_nodes(order, taxa, parents, synonyms_of)
    for usage in usages:
        if usage.is_beside:
            builder.add_beside(usage.name)
    return builder.build(source, findings=findings)


def _lift_above_placeholders(usages: Iterable[NameUsage], findings: Findings) -> list[NameUsage]:
    """Drops rows whose name is a placeholder, and puts the taxa below each below its parent."""
    kept: list[NameUsage] = []
    dropped: dict[str, NameUsage] = {}
    for usage in usages:
        if usage.is_beside or not is_placeholder(usage.name):
            kept.append(usage)
            continue
        dropped.setdefault(usage.id, usage)
        message = f"{usage.name!r} is the name of no taxon; left out, and taxa below it are put below its parent"
        findings.warn("no taxon", message, usage.line)
    if not dropped:
        return kept
    ids = {usage.id for usage in kept}
    for usage in kept:
        path: dict[str, NameUsage] = {}
        parent, lineage = usage.parent, usage.lineage
        while parent in dropped and parent not in ids and parent not in path:
            path[parent] = dropped[parent]
            parent, lineage = path[parent].parent, lineage or path[parent].lineage
        if not path:
            continue
        parent = "" if parent in path else parent
        usage.parent, usage.lineage = parent, lineage
        lineage = ()
        for above in reversed(path.values()):  # others below them need not go the whole way
            lineage = above.lineage or lineage
            above.parent, above.lineage = parent, lineage
    return kept


def _separate_synonyms(
    usages: Iterable[NameUsage], findings: Findings
) -> tuple[dict[str, NameUsage], dict[str, list[str]], dict[str, NameUsage]]:
    """Returns the taxa, the parents of each, and the synonyms, by id."""
    taxa: dict[str, NameUsage] = {}
    parents: dict[str, list[str]] = {}
    synonyms: dict[str, NameUsage] = {}
    accepted: dict[str, dict[str, None]] = {}  # of synonyms of several taxa, one row each
    several: dict[str, set[str]] = {}  # the parents of taxa that have several
    for usage in usages:
        if not usage.name.strip():
            findings.error("no name", f"the row {usage.id!r} has no name", usage.line)
        elif usage.accepted:
            first = synonyms.setdefault(usage.id, usage)
            if first is not usage:
                if usage.id not in accepted:
                    accepted[usage.id] = dict.fromkeys(first.accepted)
                accepted[usage.id].update(dict.fromkeys(usage.accepted))
        elif usage.id not in taxa:
            taxa[usage.id] = usage
            parents[usage.id] = (
                [] if usage.parent in ("", usage.id) else [usage.parent]
            )  # NCBI's root is its own parent
        elif usage.parent in ("", usage.id, *parents[usage.id][:1]) or usage.parent in several.get(usage.id, ()):
            first = taxa[usage.id]
            message = f"is listed twice, first in line {first.line}"
            if usage.name != first.name:
                message = f"has the id {usage.id!r}, which {_format_name(first)} has in line {first.line}; left out"
            findings.warn("listed twice", f"{_format_name(usage)} {message}", usage.line)
        else:
            parents[usage.id].append(usage.parent)
            several.setdefault(usage.id, set()).add(usage.parent)
    for id, ids in accepted.items():
        synonyms[id].accepted = list(ids)
    return taxa, parents, synonyms


def _resolve_dangling_parents(
    taxa: Mapping[str, NameUsage],
    parents: dict[str, list[str]],
    synonyms: Mapping[str, NameUsage],
    findings: Findings,
    dangling: Literal["error", "top"],
) -> None:
    """Drops parents that are not in the file, and replaces those that are synonyms by their accepted taxon."""
    for id, above in parents.items():
        for index, parent in enumerate(above):
            if parent in taxa:
                continue
            usage = taxa[id]
            accepted = next((one for one in _follow_synonyms(parent, synonyms) if one in taxa and one != id), "")
            above[index] = accepted
            if accepted:
                findings.warn(
                    "parent is a synonym",
                    f"the parent of {_format_name(usage)} is a synonym of {_format_name(taxa[accepted])}",
                    usage.line,
                )
            elif dangling == "top":
                findings.warn(
                    "dangling parent",
                    f"the parent {parent!r} of {_format_name(usage)} is not in the file; it was put at the top",
                    usage.line,
                )
            else:
                findings.error(
                    "dangling parent", f"the parent {parent!r} of {_format_name(usage)} is not in the file", usage.line
                )
        parents[id] = [parent for parent in above if parent]


def _resolve_several_parents(
    taxa: Mapping[str, NameUsage],
    parents: dict[str, list[str]],
    findings: Findings,
    several_parents: Literal["refuse", "first"],
) -> None:
    several = [id for id, above in parents.items() if len(above) > 1]
    for id in several:
        names = ", ".join(_format_name(taxa[parent]) for parent in parents[id])
        message = f"{_format_name(taxa[id])} has several parents ({names})"
        if several_parents == "first":
            findings.warn("several parents", f"{message}; the first is taken", taxa[id].line)
            parents[id] = parents[id][:1]
        else:
            hint = "--dag first takes the first of them, --dag all puts a copy under each"
            findings.error("several parents", f"{message}; {hint}", taxa[id].line)


def _find_cycles(taxa: Mapping[str, NameUsage], parents: Mapping[str, list[str]], findings: Findings) -> None:
    """Reports cycles: repeatedly removes taxa without parents (Kahn); those left are on a cycle or below one."""
    children: dict[str, list[str]] = {id: [] for id in taxa}
    left = {id: len(above) for id, above in parents.items()}  # number of parents not yet removed
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
    visited: set[str] = set()
    for start in left:
        path: dict[str, None] = {}
        at = start
        while at not in path and at not in visited:
            path[at] = None
            at = next(parent for parent in parents[at] if parent in left)
        if at in path:
            names = list(path)
            cycle = [_format_name(taxa[id]) for id in (*names[names.index(at) :], at)]
            findings.error("cycle", f"a cycle of parents: {abbreviate_cycle(cycle)}", taxa[at].line)
        visited.update(path)


def abbreviate_cycle(names: Sequence[str]) -> str:
    """Joins the names of a cycle by arrows; of a long one, the first and the last."""
    shown = [*names[:MAX_OF_CYCLE], f"… ({len(names) - MAX_OF_CYCLE - 1:,} more)", names[-1]]
    return " → ".join(names if len(names) <= MAX_OF_CYCLE + 1 else shown)


def _find_synonym_cycles(taxa: Mapping[str, NameUsage], synonyms: Mapping[str, NameUsage], findings: Findings) -> None:
    """Reports names that are synonyms of each other, so that none is accepted."""
    visited = _find_resolved(taxa, synonyms)
    for id in synonyms:
        path: dict[str, None] = {}
        at = id
        while at not in path and at not in visited:
            path[at] = None
            at = synonyms[at].accepted[0]
        if at in path:
            cycle = [*path][[*path].index(at) :]
            names = [f"{_format_name(synonyms[one])} ({one})" for one in (*cycle, at)]
            if len(cycle) == 1:
                message = f"{names[0]} is a synonym of itself"
            else:
                ids = " and ".join(cycle) if len(cycle) <= MAX_OF_CYCLE else list_some(cycle, MAX_OF_CYCLE)
                message = f"{ids} are synonyms of each other, and none is accepted: {abbreviate_cycle(names)}"
            findings.error("cycle of synonyms", message, synonyms[at].line)
        visited.update(path)


def _find_resolved(taxa: Mapping[str, NameUsage], synonyms: Mapping[str, NameUsage]) -> set[str]:
    """Returns the synonyms that lead to a taxon, or to a name that is not in the file, over whatever other synonyms."""
    synonyms_of: dict[str, list[str]] = {}
    reached: list[str] = []
    for id, usage in synonyms.items():
        for one in usage.accepted:
            synonyms_of.setdefault(one, []).append(id)
        if any(one in taxa or one not in synonyms for one in usage.accepted):
            reached.append(id)
    resolved = set(reached)
    while reached:
        for id in synonyms_of.get(reached.pop(), ()):
            if id not in resolved:
                resolved.add(id)
                reached.append(id)
    return resolved


def _follow_synonyms(id: str, synonyms: Mapping[str, NameUsage]) -> list[str]:
    """Returns the accepted ids of a synonym, following synonyms of synonyms; the id itself if it is not a synonym.

    Follows no more than `SYNONYM_STEPS`.
    """
    accepted: list[str] = []
    seen: set[str] = set()
    stack = [id]
    while stack and len(seen) - len(accepted) < SYNONYM_STEPS:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in synonyms:
            stack.extend(reversed(synonyms[at].accepted))
        else:
            accepted.append(at)
    return accepted


def _group_synonyms(
    taxa: Mapping[str, NameUsage], synonyms: Mapping[str, NameUsage], findings: Findings
) -> dict[str, list[NameUsage]]:
    """Returns the synonyms of each taxon, by id."""
    of: dict[str, list[NameUsage]] = {}
    for id, usage in synonyms.items():
        # An id may be a taxon and a synonym at once, of another taxon or (misapplied) of itself.
        accepted = [
            one
            for target in usage.accepted
            for one in ([target] if target in taxa else _follow_synonyms(target, synonyms))
        ]
        known = [one for one in dict.fromkeys(accepted) if one in taxa]
        for one in known:
            if (usage.name, usage.authorship) != (taxa[one].name, taxa[one].authorship):
                of.setdefault(one, []).append(usage)
        if not known:
            findings.warn(
                "dangling synonym",
                f"the accepted name {usage.accepted[0]!r} of the synonym {_format_name(usage)} ({id}) is not in the file; the "
                "synonym is left out",
                usage.line,
            )
    return of


def _refuse_many_copies(order: Sequence[str], parents: Mapping[str, list[str]], findings: Findings) -> None:
    """Raises TaxonomyError where copies under each parent would be too many: each level of a lattice multiplies them.

    order: the ids of the taxa, parents first.
    """
    if has_too_many_copies(order, parents.__getitem__):
        findings.error(
            "several parents",
            f"a copy of each taxon under each of its parents makes more than {TREE_COPIES:,} copies; --dag first takes the "
            "first parent of each",
        )
        findings.raise_errors()


def _build_nodes(
    order: Sequence[str],
    taxa: Mapping[str, NameUsage],
    parents: Mapping[str, list[str]],
    synonyms_of: Mapping[str, list[NameUsage]],
) -> TaxonomyBuilder:
    """Adds the taxa to a builder, parents first; a taxon with several parents is added under each, with its subtree.

    order: the ids of the taxa, parents first.
    """
    builder = TaxonomyBuilder()
    nodes_of: dict[str, list[int]] = {}
    for id in order:
        usage = taxa[id]
        details = _make_details(usage, synonyms_of.get(id, ()))
        above = [node for parent in parents[id] for node in nodes_of[parent]]
        if not above:
            above = [builder.add_lineage(usage.lineage, is_class=False, line=usage.line) if usage.lineage else 0]
        # In files that give lineages, a taxon may already exist as part of another taxon's lineage.
        nodes_of[id] = [
            builder.add(node, usage.rank, usage.name, details, merge=bool(usage.lineage), line=usage.line)
            for node in above
        ]
        if usage.is_class is not None:
            for node in nodes_of[id]:
                builder.mark_class(node, usage.is_class)
    return builder


def _sort_parents_first(taxa: Mapping[str, NameUsage], parents: Mapping[str, list[str]]) -> Iterable[str]:
    """Yields the ids, parents before children and otherwise in file order. `parents` must have no cycles."""
    done: set[str] = set()
    for id in taxa:
        stack = [id]
        while stack:
            at = stack[-1]
            pending = [parent for parent in parents[at] if parent not in done] if at not in done else []
            if pending:
                stack.extend(pending)
                continue
            stack.pop()
            if at not in done:
                done.add(at)
                yield at


def _make_details(usage: NameUsage, synonyms: Sequence[NameUsage]) -> Details:
    if not (usage.common_names or usage.ids or usage.extra or usage.authorship or synonyms):
        return NO_DETAILS
    return Details(
        usage.common_names,
        usage.ids,
        usage.extra,
        usage.authorship,
        tuple(dict.fromkeys(Synonym(other.name, other.authorship, other.rank) for other in synonyms)),
    )


def _format_name(usage: NameUsage) -> str:
    return f"{usage.rank} {usage.name}".strip()
