"""Accounts for every row of a source: problems are counted, and identifiers that come again are told.

Legend: n rows of a table, k distinct identifiers so far.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import list_some, pluralise

TABLE_ROWS: Final = 8192
"""Most rows of a table that a source yields."""
EXAMPLES: Final = 3
NO_FILE: Final = "its image file does not exist"
NO_ROW: Final = "no row of the metadata names this image file"
REPEATED: Final = "its identifier is that of an earlier row"
MALFORMED: Final = "the row has another number of cells than the header"

Hashes = npt.NDArray[np.uint64]


def hash_texts(texts: Iterable[str | None]) -> Hashes:
    """Returns 64 bits of each text's BLAKE2b hash: uint64 [n]. Of ten million texts, two agree with a chance of 3e-6."""
    digests = b"".join(
        hashlib.blake2b((text or "").encode("utf-8", "surrogateescape"), digest_size=8).digest() for text in texts
    )
    return np.frombuffer(digests, np.uint64)


class SeenHashes:
    """A set of hashes in sorted arrays, each at least twice as long as the next: 8 bytes per hash."""

    def __init__(self) -> None:
        self._sorted: list[Hashes] = []

    def add(self, hash_n: Hashes) -> npt.NDArray[np.bool_]:
        """Adds hashes. Returns which were in the set, or came earlier among them: bool [n]."""
        new, first = np.unique(hash_n, return_index=True)
        was_seen_n = np.ones(len(hash_n), bool)
        was_seen_n[first] = False
        for known in self._sorted:
            was_seen_n |= find(known, hash_n) >= 0
        for known in self._sorted:
            new = new[find(known, new) < 0]
        self._sorted.append(new)
        while len(self._sorted) > 1 and len(self._sorted[-2]) < 2 * len(self._sorted[-1]):
            merged = np.concatenate([self._sorted.pop(), self._sorted.pop()])
            self._sorted.append(np.sort(merged))
        return was_seen_n


def find(sorted_k: Hashes, hash_n: Hashes) -> npt.NDArray[np.int64]:
    """Returns the position of each hash in a sorted array, -1 for one that it lacks: int64 [n]."""
    if not len(sorted_k):
        return np.full(len(hash_n), -1, np.int64)
    place_n = np.minimum(np.searchsorted(sorted_k, hash_n), len(sorted_k) - 1)
    return np.where(sorted_k[place_n] == hash_n, place_n, -1).astype(np.int64)


class Accounts:
    """What one pass over a source finds: its problems, and further notes."""

    def __init__(self) -> None:
        self._count_of: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._said: list[str] = []
        self._seen = SeenHashes()
        self._copies: Counter[str] = Counter()

    def say(self, note: str) -> None:
        self._said.append(note)

    def check(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yields the rows in tables of at most `TABLE_ROWS`, each identifier once; counts their problems.

        The rows of an identifier that comes again get a new one ("a.jpg#2") and a problem.
        """
        for whole in tables:
            for start in range(0, len(whole), TABLE_ROWS):
                yield self._check(whole.slice(start, TABLE_ROWS))

    def _check(self, table: pa.Table) -> pa.Table:
        ids: list[str] = table["source_id"].to_pylist()
        problems: list[str] = table["problem"].to_pylist() if "problem" in table.column_names else [""] * len(ids)
        problems = [problem or "" for problem in problems]
        for row in np.flatnonzero(self._seen.add(hash_texts(ids))).tolist():
            ids[row] = self._number_copy(ids[row])
            problems[row] = problems[row] or REPEATED
        for id, problem in zip(ids, problems):
            if problem:
                self._count_of[problem] += 1
                examples = self._examples.setdefault(problem, [])
                if len(examples) < EXAMPLES:
                    examples.append(id)
        columns = {name: table[name] for name in table.column_names}
        return pa.table(columns | {"source_id": pa.array(ids, pa.string()), "problem": pa.array(problems, pa.string())})

    def _number_copy(self, id: str) -> str:
        copy = id
        while self._seen.add(hash_texts([copy]))[0]:
            self._copies[id] += 1
            copy = f"{id}#{self._copies[id] + 1}"
        return copy

    def notes(self) -> list[str]:
        """Returns one line for each kind of problem, and what was said."""
        told = []
        for problem, count in self._count_of.items():
            listed = self._examples[problem]
            more = ", …" if count > len(listed) else ""
            told.append(f"{pluralise(count, 'row')} cannot be used: {problem}: {list_some(listed)}{more}")
        return [*told, *self._said]


def make_table(columns: Mapping[str, Sequence[str | None]]) -> pa.Table:
    """Returns a table of texts."""
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def batch_records(records: Iterable[Mapping[str, str]], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yields tables of records, in which a column that a record lacks is blank."""
    batch: list[Mapping[str, str]] = []
    for record in records:
        batch.append(record)
        if len(batch) == TABLE_ROWS:
            yield make_table({name: [one.get(name, "") for one in batch] for name in columns})
            batch = []
    if batch:
        yield make_table({name: [one.get(name, "") for one in batch] for name in columns})


def find_most_exact(table: pa.Table, ranks: Sequence[str]) -> dict[str, pa.Array]:
    """Returns the columns `name` and `rank` of the lowest of the ranks that each row fills. ranks: from above to below."""
    name = rank = pa.nulls(len(table), pa.string())
    for one in ranks:
        values = table[one].combine_chunks() if isinstance(table[one], pa.ChunkedArray) else table[one]
        is_filled = pc.not_equal(pc.fill_null(values, ""), "")
        name = pc.if_else(is_filled, values, name)
        rank = pc.if_else(is_filled, one, rank)
    return {"name": pc.fill_null(name, ""), "rank": pc.fill_null(rank, "")}


def name_by_ranks(rows: pa.Table, ranks: Sequence[str]) -> pa.Table:
    """Names the rows that have no name by the lowest rank that they fill."""
    exact = find_most_exact(rows, ranks)
    blank = pa.array([""] * len(rows), pa.string())
    name, rank = (rows[column] if column in rows.column_names else blank for column in ("name", "rank"))
    is_nameless = pc.equal(name, "")
    columns = {
        "name": pc.if_else(is_nameless, exact["name"], name),
        "rank": pc.if_else(is_nameless, exact["rank"], rank),
    }
    return pa.table({**{column: rows[column] for column in rows.column_names}, **columns})
