"""What an author's file says of a taxon beyond rank, name and place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.records.taxon import Synonym

Role = Literal["common", "id", "extra", "authorship", "synonyms"]
BETWEEN = "|"
"""Between the names in one cell of common names or synonyms."""


@dataclass(frozen=True, slots=True)
class Details:
    """common_names, ids, extra, authorship, synonyms: as in `records.Taxon`."""

    common_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    authorship: str = ""
    synonyms: tuple[Synonym, ...] = ()


NO_DETAILS = Details()


@dataclass(frozen=True, eq=False)
class DetailColumn:
    """One column of a table, of the nodes that have something there.

    role: what it holds; key: of which language, identifier or extra. node_n: int32 [n], ascending. values: n texts, none
    blank, several names in one divided by `BETWEEN`; a synonym is its name, author and rank, divided by tabs.
    """

    role: Role
    key: str
    node_n: npt.NDArray[np.int32]
    values: Sequence[str]


class DetailColumns(Mapping[int, Details]):
    """The details of a million nodes as columns: node → `Details`, made when it is looked at."""

    def __init__(self, columns: Sequence[DetailColumn]) -> None:
        self.columns = tuple(columns)
        nodes = [column.node_n for column in self.columns]
        self._nodes = np.unique(np.concatenate(nodes)) if nodes else np.empty(0, np.int32)

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[int]:
        return map(int, self._nodes)

    def __contains__(self, node: object) -> bool:
        return isinstance(node, (int, np.integer)) and _place(self._nodes, int(node)) is not None

    def __getitem__(self, node: int) -> Details:
        if _place(self._nodes, node) is None:
            raise KeyError(node)
        found: dict[str, dict[str, Any]] = {"common": {}, "id": {}, "extra": {}, "authorship": {}, "synonyms": {}}
        for column in self.columns:
            place = _place(column.node_n, node)
            if place is not None:
                text = column.values[place]
                found[column.role][column.key] = split_names(text) if column.role == "common" else text
        return Details(
            found["common"],
            found["id"],
            found["extra"],
            found["authorship"].get("", ""),
            tuple(map(_synonym, split_names(found["synonyms"].get("", "")))),
        )

    def renumbered(self, new_M: npt.NDArray[np.int32]) -> DetailColumns:
        """With the nodes' new numbers; those whose new number is negative are left out."""
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
    """node → details, with the nodes' new numbers; those whose new number is negative are left out."""
    if isinstance(details, DetailColumns):
        return details.renumbered(new_M)
    return {int(new_M[node]): about for node, about in details.items() if new_M[node] >= 0}


def list_languages(details: Mapping[int, Details]) -> frozenset[str]:
    """The languages of all common names."""
    if isinstance(details, DetailColumns):
        return frozenset(column.key for column in details.columns if column.role == "common")
    return frozenset(language for about in details.values() for language in about.common_names)


def as_columns(details: Mapping[int, Details]) -> DetailColumns:
    """The same as columns. Names that hold `BETWEEN` themselves have it as "/" there."""
    if isinstance(details, DetailColumns):
        return details
    cells: dict[tuple[Role, str], dict[int, str]] = {}

    def put(role: Role, key: str, node: int, text: str) -> None:
        if text:
            cells.setdefault((role, key), {})[node] = text

    for node in sorted(details):
        about = details[node]
        for language, names in about.common_names.items():
            put("common", language, node, _joined(names))
        for key, value in about.ids.items():
            put("id", key, node, value)
        for key, value in about.extra.items():
            put("extra", key, node, value)
        put("authorship", "", node, about.authorship)
        put("synonyms", "", node, _joined(_written(synonym) for synonym in about.synonyms))
    return DetailColumns(
        [
            DetailColumn(role, key, np.fromiter(cell, np.int32, len(cell)), list(cell.values()))
            for (role, key), cell in cells.items()
        ]
    )


def _place(nodes: npt.NDArray[np.int32], node: int) -> int | None:
    place = int(nodes.searchsorted(np.int32(node)))  # of another type, numpy would convert all of `nodes` first
    return place if place < len(nodes) and nodes[place] == node else None


def split_names(text: str) -> tuple[str, ...]:
    """The names, or synonyms as written, in one cell of a column."""
    return tuple(name for part in text.split(BETWEEN) if (name := part.strip()))


def _joined(names: Any) -> str:
    return BETWEEN.join(name.replace(BETWEEN, "/") for name in names)


def _written(synonym: Synonym) -> str:
    return "\t".join((synonym.name, synonym.authorship, synonym.rank)).rstrip("\t")


def _synonym(text: str) -> Synonym:
    return Synonym(*text.split("\t", 2))
