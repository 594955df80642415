"""Details of a taxon beyond rank, name and position: common names, identifiers, synonyms, authorship, extras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.records.taxon import Synonym

Role = Literal["common", "id", "extra", "authorship", "synonyms"]
"""What a column that is no rank holds: common names in a language, ids, the author, synonyms, or anything else."""
BETWEEN = "|"
"""Separator between the names in one cell of common names or synonyms."""


@dataclass(frozen=True, slots=True)
class Details:
    """common_names, ids, extra, authorship, synonyms: as in `records.Taxon`."""

    common_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    authorship: str = ""
    synonyms: tuple[Synonym, ...] = ()


NO_DETAILS = Details()
"""Of a tree without common names, ids, authors, synonyms and further columns."""


@dataclass(frozen=True, eq=False)
class DetailColumn:
    """One column of details, for the nodes that have a value in it.

    role: kind of detail; key: its language, identifier scheme or column name. node_n: int32 [n], ascending. values: n texts,
    none blank; several names in one are separated by `BETWEEN`, and a synonym is name, author and rank separated by tabs.
    """

    role: Role
    key: str
    node_n: npt.NDArray[np.int32]
    values: Sequence[str]


class DetailColumns(Mapping[int, Details]):
    """node → `Details`, stored as columns for trees of a million nodes; a `Details` is created on access."""

    def __init__(self, columns: Sequence[DetailColumn]) -> None:
        self.columns = tuple(columns)
        nodes = [column.node_n for column in self.columns]
        self._nodes = np.unique(np.concatenate(nodes)) if nodes else np.empty(0, np.int32)

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[int]:
        return map(int, self._nodes)

    def __contains__(self, node: object) -> bool:
        return isinstance(node, (int, np.integer)) and _find_index(self._nodes, int(node)) is not None

    def __getitem__(self, node: int) -> Details:
        if _find_index(self._nodes, node) is None:
            raise KeyError(node)
        values: dict[str, dict[str, Any]] = {"common": {}, "id": {}, "extra": {}, "authorship": {}, "synonyms": {}}
        for column in self.columns:
            index = _find_index(column.node_n, node)
            if index is not None:
                text = column.values[index]
                values[column.role][column.key] = split_names(text) if column.role == "common" else text
        return Details(
            values["common"],
            values["id"],
            values["extra"],
            values["authorship"].get("", ""),
            tuple(map(_parse_synonym, split_names(values["synonyms"].get("", "")))),
        )

    def renumber(self, new_M: npt.NDArray[np.int32]) -> DetailColumns:
        """Returns the columns with new node numbers, dropping nodes whose new number is negative."""
        columns = []
        for column in self.columns:
            new_n = new_M[column.node_n]
            order = np.argsort(new_n, kind="stable")
            order = order[new_n[order] >= 0]
            if len(order):
                values = [column.values[i] for i in order.tolist()]
                columns.append(DetailColumn(column.role, column.key, new_n[order], values))
        return DetailColumns(columns)


def renumber_details(details: Mapping[int, Details], new_M: npt.NDArray[np.int32]) -> Mapping[int, Details]:
    """Returns node → details with new node numbers, dropping nodes whose new number is negative."""
    if isinstance(details, DetailColumns):
        return details.renumber(new_M)
    return {int(new_M[node]): one for node, one in details.items() if new_M[node] >= 0}


def list_languages(details: Mapping[int, Details]) -> frozenset[str]:
    """Returns the languages of all common names."""
    if isinstance(details, DetailColumns):
        return frozenset(column.key for column in details.columns if column.role == "common")
    return frozenset(language for one in details.values() for language in one.common_names)


def as_columns(details: Mapping[int, Details]) -> DetailColumns:
    """Converts details to columns. In names that contain `BETWEEN` it is replaced by "/"."""
    if isinstance(details, DetailColumns):
        return details
    cells: dict[tuple[Role, str], dict[int, str]] = {}

    def put(role: Role, key: str, node: int, text: str) -> None:
        if text:
            cells.setdefault((role, key), {})[node] = text

    for node in sorted(details):
        one = details[node]
        for language, names in one.common_names.items():
            put("common", language, node, _join_names(names))
        for key, value in one.ids.items():
            put("id", key, node, value)
        for key, value in one.extra.items():
            put("extra", key, node, value)
        put("authorship", "", node, one.authorship)
        put("synonyms", "", node, _join_names(map(_format_synonym, one.synonyms)))
    return DetailColumns(
        [
            DetailColumn(role, key, np.fromiter(cell, np.int32, len(cell)), list(cell.values()))
            for (role, key), cell in cells.items()
        ]
    )


def _find_index(nodes: npt.NDArray[np.int32], node: int) -> int | None:
    index = int(nodes.searchsorted(np.int32(node)))  # for another dtype numpy would first convert all of `nodes`
    return index if index < len(nodes) and nodes[index] == node else None


def split_names(text: str) -> tuple[str, ...]:
    """Splits a cell of common names or synonyms; blank parts are dropped."""
    return tuple(name for part in text.split(BETWEEN) if (name := part.strip()))


def _join_names(names: Any) -> str:
    return BETWEEN.join(name.replace(BETWEEN, "/") for name in names)


def _format_synonym(synonym: Synonym) -> str:
    return "\t".join((synonym.name, synonym.authorship, synonym.rank)).rstrip("\t")


def _parse_synonym(text: str) -> Synonym:
    return Synonym(*text.split("\t", 2))
