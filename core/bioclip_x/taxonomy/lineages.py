"""Builds a tree from a table with a column per rank, column by column: each distinct text is processed once.

Legend: R rows, M draft nodes, U distinct texts of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints
from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x.taxonomy.compile import Draft, compile_tree, mark_species
from bioclip_x.taxonomy.details import DetailColumn, DetailColumns, Role
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.tree import Taxonomy

FEW: Final = 20_000
"""Up to this many rows, sorting is as fast as hashing."""
MAX_WARNINGS: Final = 1000
"""Repeated rows reported one by one; the rest are counted in one warning."""


@dataclass(frozen=True, eq=False)
class Column:
    """A dictionary-encoded column. code_R: int64 [R], indices into `texts`, -1 for blank. texts: distinct, none blank."""

    code_R: Ints
    texts: Sequence[str]

    def map(self, change: Callable[[str], str]) -> Column:
        """Applies `change` to every text; equal results are merged, blank ones become blank cells."""
        codes: dict[str, int] = {}
        new_U = np.empty(len(self.texts) + 1, np.int64)
        new_U[-1] = -1  # blank cells stay blank
        for old, text in enumerate(map(change, self.texts)):
            new_U[old] = codes.setdefault(text, len(codes)) if text else -1
        return Column(new_U[self.code_R], list(codes))

    @staticmethod
    def of(cells: Iterable[str]) -> Column:
        """Encodes the cells' texts; those of white space only are blank."""
        codes: dict[str, int] = Numbering()
        code_R = np.fromiter(map(codes.__getitem__, cells), np.int64)
        return Column(code_R, list(codes)).map(str.strip)


class Numbering(dict[str, int]):
    """Assigns the next number to every new key."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


def combine_columns(change: Callable[..., str], *columns: Column) -> Column:
    """Applies `change` to the cells of each row, called once per distinct combination; blank cells are passed as ""."""
    key_R = np.zeros(len(columns[0].code_R), np.int64)
    for column in columns:
        _, key_R = np.unique(key_R * (len(column.texts) + 1) + column.code_R + 1, return_inverse=True)
    _, first = np.unique(key_R, return_index=True)
    cells = [[column.texts[code] if code >= 0 else "" for code in column.code_R[first].tolist()] for column in columns]
    combined = Column.of(map(change, *cells))
    return Column(combined.code_R[key_R], combined.texts)


@dataclass(frozen=True, eq=False)
class RankColumn:
    """The names at one rank. authorship: name → author and year, common_names: name → English name, for names that have one."""

    rank: str
    names: Column
    authorship: Mapping[str, str] = field(default_factory=dict)
    common_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Lineages:
    """A table of lineages. ranks: from the top down. details: (role, key, cells), details of each row's own taxon.

    line_R: int32 [R], the position of each row in its file (see `Findings.unit`). is_class_R: bool [R], false for a row that
    only gives details of an inner node; None if all rows are classes. beside: labels beside the tree.
    """

    n_rows: int
    ranks: Sequence[RankColumn]
    details: Sequence[tuple[Role, str, Column]]
    line_R: npt.NDArray[np.int32]
    is_class_R: npt.NDArray[np.bool_] | None = None
    beside: Sequence[str] = ()


def from_lineages(table: Lineages, findings: Findings, *, source: str, keep_rows: bool = False) -> Taxonomy:
    """Builds a tree in which every row is a class at its last rank that is not blank, unless `is_class_R` is false for it.

    A blank rank is one that the lineage lacks. A class listed in several rows is taken once, with each detail from the
    first row that has it, and reported as a warning.
    keep_rows: whether to set the tree's `class_of_row`.

    Raises TaxonomyError with all errors, which include rows without any name, and for a table without rows.
    """
    node_R, draft = _build_draft(table, findings.unit)
    for row in np.flatnonzero(node_R == 0).tolist():
        findings.error("no name", "no name at any rank", int(table.line_R[row]))
    findings.raise_errors()
    if not table.n_rows:
        raise TaxonomyError(f"{source} holds no taxon", tuple(findings.problems))
    _report_repeated(node_R, draft.names, table.line_R, findings)
    named = [
        *_collect_by_name(table, draft, "authorship", "", lambda column: column.authorship),
        *_collect_by_name(table, draft, "common", "en", lambda column: column.common_names),
    ]
    draft = replace(draft, details=DetailColumns(_merge_columns([*named, *_collect_details(table, node_R)])))
    tree, new_M = compile_tree(draft, source, tuple(findings.notes()), findings.problems)
    tree = replace(tree, columns=tuple(findings.columns.items()))
    tree = add_beside(tree, table.beside)
    return replace(tree, class_of_row=tree.class_of_N[new_M[node_R]]) if keep_rows else tree


def _build_draft(table: Lineages, unit: str) -> tuple[Ints, Draft]:
    """Returns the node of each row (0 for none), and the draft tree: nodes by rank, then in order of first appearance."""
    node_R = np.zeros(table.n_rows, np.int64)
    parents, ranks, names, first_rows, size = [[-1]], [[0]], [[""]], [[0]], 1
    for number, column in enumerate(table.ranks, start=1):
        rows = np.flatnonzero(column.names.code_R >= 0)
        key = node_R[rows] * len(column.names.texts) + column.names.code_R[rows]
        index, distinct = number_keys(key)
        first = np.empty(len(distinct), np.int64)
        first[index[::-1]] = rows[::-1]
        node_R[rows] = size + index
        n_texts = max(1, len(column.names.texts))
        parents.append((distinct // n_texts).tolist())
        ranks.append([number] * len(distinct))
        names.append([column.names.texts[code] for code in (distinct % n_texts).tolist()])
        first_rows.append(first.tolist())
        size += len(distinct)
    is_class, is_given = np.zeros((2, size), bool)
    is_class[node_R[(node_R > 0) & (True if table.is_class_R is None else table.is_class_R)]] = True
    is_given[node_R] = True
    rank_M = np.concatenate([np.asarray(part, np.int16) for part in ranks])
    rank_names = ("", *(column.rank for column in table.ranks))
    return node_R, Draft(
        parent_M=np.concatenate([np.asarray(part, np.int32) for part in parents]),
        rank_M=rank_M,
        rank_names=rank_names,
        names=[name for part in names for name in part],
        is_class_M=mark_species(is_class, is_given, rank_M, rank_names),
        details={},
        line_M=table.line_R[np.concatenate([np.asarray(rows, np.int64) for rows in first_rows])]
        if table.n_rows
        else None,
        line_unit=unit,
    )


def number_keys(keys: Ints) -> tuple[Ints, Ints]:
    """Returns each key's number in order of first appearance, and the distinct keys in that order."""
    if len(keys) > FEW:  # pyarrow hashes; for few keys, importing it would take longer than sorting
        import pyarrow as pa

        encoded = pa.array(keys).dictionary_encode()
        return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_numpy()
    distinct, first, index = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[index], distinct[order]


def _report_repeated(node_R: Ints, names: Sequence[str], line_R: npt.NDArray[np.int32], findings: Findings) -> None:
    _, first = np.unique(node_R, return_index=True)
    is_repeated = np.ones(len(node_R), bool)
    is_repeated[first] = False
    repeated = np.flatnonzero(is_repeated).tolist()
    for row in repeated[:MAX_WARNINGS]:
        findings.warn("listed twice", f"{names[node_R[row]]} is listed again and taken once", int(line_R[row]))
    if len(repeated) > MAX_WARNINGS:
        findings.warn(
            "listed twice",
            f"and {len(repeated) - MAX_WARNINGS} more are listed again",
            int(line_R[repeated[MAX_WARNINGS]]),
            times=len(repeated) - MAX_WARNINGS,
        )


def _collect_by_name(
    table: Lineages, draft: Draft, role: Role, key: str, get_texts: Callable[[RankColumn], Mapping[str, str]]
) -> list[DetailColumn]:
    """Returns what the rank columns say of their taxa by name (`authorship`, `common_names`), as at most one column."""
    text_of: dict[int, str] = {}
    for number, column in enumerate(table.ranks, start=1):
        if texts := get_texts(column):
            of_rank = np.flatnonzero(draft.rank_M == number).tolist()
            text_of |= {node: text for node in of_rank if (text := texts.get(draft.names[node]))}
    nodes = np.fromiter(text_of, np.int32, len(text_of))
    return [DetailColumn(role, key, nodes, list(text_of.values()))] if text_of else []


def _merge_columns(columns: Sequence[DetailColumn]) -> list[DetailColumn]:
    """Merges columns of one role and key; of two values for a node, the last column's is kept."""
    merged: dict[tuple[Role, str], DetailColumn] = {}
    for column in columns:
        first = merged.get((column.role, column.key))
        if first is not None:
            is_kept = ~np.isin(first.node_n, column.node_n)
            nodes = np.concatenate([first.node_n[is_kept], column.node_n])
            values = [*(value for value, kept in zip(first.values, is_kept.tolist()) if kept), *column.values]
            order = np.argsort(nodes, kind="stable")
            column = DetailColumn(column.role, column.key, nodes[order], [values[i] for i in order.tolist()])
        merged[column.role, column.key] = column
    return list(merged.values())


def _collect_details(table: Lineages, node_R: Ints) -> list[DetailColumn]:
    """Returns the details of the rows' own taxa, each from the first row that has it."""
    columns = []
    for role, key, cells in table.details:
        rows = np.flatnonzero(cells.code_R >= 0)
        nodes, first = np.unique(node_R[rows], return_index=True)
        if len(nodes):
            values = [cells.texts[code] for code in cells.code_R[rows[first]].tolist()]
            columns.append(DetailColumn(role, key, nodes.astype(np.int32), values))
    return columns
