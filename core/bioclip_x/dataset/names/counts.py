"""Counts what became of the names of each source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def count_statuses(given_by_source: pa.Table, resolved: pa.Table) -> pa.Table:
    """Returns `source`, `rank`, `status`, `names`, `images`: the counts of each source, resolved rank and status, sorted.

    given_by_source: `source`, `key` and `images`, a row for each identification of each source. resolved: as `resolve_names`
    returns it. rank: of the resolved taxon, "" for ambiguous and lost names.
    """
    import pyarrow.compute as pc

    of_key = resolved.select(["key", "rank", "status"])
    joined = given_by_source.select(["source", "key", "images"]).join(of_key, "key")
    groups = joined.group_by(["source", "rank", "status"]).aggregate([("key", "count_distinct"), ("images", "sum")])
    groups = groups.rename_columns(
        [{"key_count_distinct": "names", "images_sum": "images"}.get(name, name) for name in groups.column_names]
    )
    groups = groups.select(["source", "rank", "status", "names", "images"])
    return groups.take(pc.sort_indices(groups, [(name, "ascending") for name in ("source", "rank", "status")]))
