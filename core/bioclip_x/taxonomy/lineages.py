"""Tables with a column per rank → a tree, column by column: a cell's text is looked at once, however often it occurs.

Legend: R rows, M nodes as gathered, U distinct texts of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints
from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.compile import Draft, compile_tree
from bioclip_x.taxonomy.details import DetailColumn, DetailColumns, Role
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.tree import Taxonomy

FEW: Final = 20_000
"""Rows up to which sorting is as good as hashing."""
MOST_TOLD: Final = 1000
"""Rows of a kind that are told one by one."""


@dataclass(frozen=True, eq=False)
class Column:
    """The cells of a column. code_R: int64 [R], indices into `texts`, -1 for a blank cell. texts: distinct, none blank."""

    code_R: Ints
    texts: Sequence[str]

    def map(self, change: Callable[[str], str]) -> Column:
        """With every text changed; those that become equal are one, those that become blank are none."""
        places: dict[str, int] = {}
        new_U = np.empty(len(self.texts) + 1, np.int64)
        new_U[-1] = -1  # where -1 points at
        for old, text in enumerate(map(change, self.texts)):
            new_U[old] = places.setdefault(text, len(places)) if text else -1
        return Column(new_U[self.code_R], list(places))

    @staticmethod
    def of(cells: Iterable[str]) -> Column:
        """From the cells' texts; those of white space alone are blank."""
        places: dict[str, int] = Numbering()
        codes = np.fromiter(map(places.__getitem__, cells), np.int64)
        return Column(codes, list(places)).map(str.strip)


class Numbering(dict[str, int]):
    """Gives every new key the next number."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


def combine_columns(change: Callable[..., str], *columns: Column) -> Column:
    """`change` of the cells that stand beside one another, called once for each that do."""
    key_R = np.zeros(len(columns[0].code_R), np.int64)
    for column in columns:
        _, key_R = np.unique(key_R * (len(column.texts) + 1) + column.code_R + 1, return_inverse=True)
    _, first = np.unique(key_R, return_index=True)
    beside = [[column.texts[code] if code >= 0 else "" for code in column.code_R[first].tolist()] for column in columns]
    made = Column.of(map(change, *beside))
    return Column(made.code_R[key_R], made.texts)


@dataclass(frozen=True, eq=False)
class RankColumn:
    """The names at one rank. authorship: text → author and year, of the names that came with one."""

    rank: str
    names: Column
    authorship: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Lineages:
    """A table. ranks: from the top down. details: (role, key, cells) of what is said of the rows' own taxa.

    line_R: int32 [R], where each row stands in its file (see `Findings.unit`). is_class_R: bool [R], false for a row that only
    tells of a taxon that others lie below; None for classes all.
    """

    n_rows: int
    ranks: Sequence[RankColumn]
    details: Sequence[tuple[Role, str, Column]]
    line_R: npt.NDArray[np.int32]
    is_class_R: npt.NDArray[np.bool_] | None = None


def from_lineages(table: Lineages, findings: Findings, *, source: str, keep_rows: bool = False) -> Taxonomy:
    """A tree in which every row is a class at the last rank that it names, unless the table says that it is none.

    A blank rank is one that the lineage lacks. A class that several rows have is taken once, with what the first of them to
    say something says, and counted in `findings`.
    keep_rows: the tree gets its `class_of_row`.

    Raises TaxonomyError with all errors, for rows without any name among them, and where there is no row.
    """
    node_R, draft = _grown(table, findings.unit)
    for row in np.flatnonzero(node_R == 0).tolist():
        findings.error("no name", "no name at any rank", int(table.line_R[row]))
    findings.raise_errors()
    if not table.n_rows:
        raise TaxonomyError(f"{source} holds no taxon", tuple(findings.problems))
    _tell_repeated(node_R, draft.names, table.line_R, findings)
    draft = replace(draft, details=DetailColumns([*_authors(table, draft), *_details(table, node_R)]))
    tree, new_M = compile_tree(draft, source, tuple(findings.notes()), findings.problems)
    return replace(tree, class_of_row=tree.class_of_N[new_M[node_R]]) if keep_rows else tree


def _grown(table: Lineages, unit: str) -> tuple[Ints, Draft]:
    """The node of each row (0: none), and all nodes, rank by rank, in the order in which the rows have them."""
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
    is_class = np.zeros(size, bool)
    is_class[node_R[(node_R > 0) & (True if table.is_class_R is None else table.is_class_R)]] = True
    return node_R, Draft(
        parent_M=np.concatenate([np.asarray(part, np.int32) for part in parents]),
        rank_M=np.concatenate([np.asarray(part, np.int16) for part in ranks]),
        rank_names=("", *(column.rank for column in table.ranks)),
        names=[name for part in names for name in part],
        is_class_M=is_class,
        details={},
        line_M=table.line_R[np.concatenate([np.asarray(rows, np.int64) for rows in first_rows])]
        if table.n_rows
        else None,
        line_unit=unit,
    )


def number_keys(keys: Ints) -> tuple[Ints, Ints]:
    """Each key's number in the order of first appearance, and the distinct keys in that order."""
    if len(keys) > FEW:  # by hashing; for few, loading it would take longer than the work
        import pyarrow as pa

        encoded = pa.array(keys).dictionary_encode()
        return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_numpy()
    distinct, first, index = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[index], distinct[order]


def _tell_repeated(node_R: Ints, names: Sequence[str], line_R: npt.NDArray[np.int32], findings: Findings) -> None:
    _, first = np.unique(node_R, return_index=True)
    is_again = np.ones(len(node_R), bool)
    is_again[first] = False
    again = np.flatnonzero(is_again).tolist()
    for row in again[:MOST_TOLD]:
        findings.warn("listed twice", f"{names[node_R[row]]} is listed again and taken once", int(line_R[row]))
    if len(again) > MOST_TOLD:
        findings.warn(
            "listed twice", f"and {len(again) - MOST_TOLD} more are listed again", int(line_R[again[MOST_TOLD]])
        )


def _authors(table: Lineages, draft: Draft) -> list[DetailColumn]:
    """The authors of names at any rank, of every taxon of that rank and name."""
    found: dict[int, str] = {}
    for number, column in enumerate(table.ranks, start=1):
        if column.authorship:
            of_rank = np.flatnonzero(draft.rank_M == number).tolist()
            found |= {node: text for node in of_rank if (text := column.authorship.get(draft.names[node]))}
    nodes = np.fromiter(found, np.int32, len(found))
    return [DetailColumn("authorship", "", nodes, list(found.values()))] if found else []


def _details(table: Lineages, node_R: Ints) -> list[DetailColumn]:
    """What is said of the rows' own taxa: of each, what the first row that says something says."""
    columns = []
    for role, key, cells in table.details:
        rows = np.flatnonzero(cells.code_R >= 0)
        nodes, first = np.unique(node_R[rows], return_index=True)
        if len(nodes):
            values = [cells.texts[code] for code in cells.code_R[rows[first]].tolist()]
            columns.append(DetailColumn(role, key, nodes.astype(np.int32), values))
    return columns
