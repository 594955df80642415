"""Rows that name one taxon many times: occurrences and observations."""

from __future__ import annotations

from collections.abc import Iterable

from bioclip_x_plugins.readers.checklists.rows import ChecklistRow


def merge_repeated(rows: Iterable[ChecklistRow]) -> tuple[list[ChecklistRow], int, int]:
    """Merges the rows of one taxon: of the same name, rank and accepted name, whose identifiers and rank columns do not differ.

    A blank identifier or rank differs from none. The merged row has each detail from the first row that has it, and the most
    complete lineage. Returns the merged rows, the line of the first that repeats another, and the number of those.
    """
    merged: list[ChecklistRow] = []
    of_name: dict[tuple[str, ...], list[ChecklistRow]] = {}
    first_line = n_repeated = 0
    for row in rows:
        key = (row.usage.name, row.usage.rank, row.accepted_name, *row.usage.accepted)
        group = of_name.setdefault(key, [])
        same = next((other for other in group if _is_same(other, row)), None)
        if same is None:
            group.append(row)
            merged.append(row)
            continue
        _fill(same, row)
        n_repeated += 1
        first_line = first_line or row.usage.line
    return merged, first_line, n_repeated


def merge_occurrences(rows: Iterable[ChecklistRow], *, has_keys: bool) -> list[ChecklistRow]:
    """Merges the rows of each taxon. has_keys: the identifiers are GBIF's; others are a publisher's, and identify nothing."""
    rows = list(rows)
    if not has_keys:
        for row in rows:
            row.usage.id = ""
    merged, _, _ = merge_repeated(rows)
    for number, row in enumerate(merged):
        row.usage.id = row.usage.id or f"occurrence {number}"
    return merged


def _is_same(first: ChecklistRow, second: ChecklistRow) -> bool:
    if first.usage.id and second.usage.id:
        return first.usage.id == second.usage.id
    names = dict(first.higher_taxa)
    return all(names.get(rank, name) == name for rank, name in second.higher_taxa)


def _fill(row: ChecklistRow, other: ChecklistRow) -> None:
    usage, more = row.usage, other.usage
    usage.id = usage.id or more.id
    usage.authorship = usage.authorship or more.authorship
    usage.common_names = {**more.common_names, **usage.common_names}
    usage.ids = {**more.ids, **usage.ids}
    usage.extra = {**more.extra, **usage.extra}
    usage.is_class = usage.is_class or more.is_class
    row.synonyms = row.synonyms or other.synonyms
    if len(other.higher_taxa) > len(row.higher_taxa):
        row.higher_taxa = other.higher_taxa
