"""Counts of what was judged the same, for the report."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Summary:
    """What a finder found.

    n_removed: rows that are duplicates. n_groups: kept rows that have duplicates. largest_group: rows of the largest group, its
    kept row included. n_conflicts: removed rows with another taxon than the kept row, where both have one. n_without_taxon:
    removed rows for which one of both has none. n_by_distance: removed rows by distance, for whole bits; by hundredths of cosine.
    """

    n_removed: int
    n_groups: int
    largest_group: int
    n_conflicts: int
    n_without_taxon: int
    n_by_distance: dict[float, int]


def summarise(duplicates: pa.Table, taxa: pa.Table | None = None) -> Summary:
    """Counts a table of `columns.DUPLICATES`. taxa: `row`, `taxon` (any type, null for none), of all the rows concerned."""
    sizes = duplicates.group_by("kept").aggregate([("row", "count")])
    distances = pc.value_counts(pc.round(duplicates.column("distance").cast(pa.float64()), 2))
    counts = {one["values"]: one["counts"] for one in distances.to_pylist()}
    n_conflicts, n_without = 0, duplicates.num_rows
    if taxa is not None:
        pairs = list_taxa(duplicates, taxa)
        is_conflict = pc.not_equal(pairs.column("taxon"), pairs.column("kept_taxon"))
        n_conflicts, n_without = pc.sum(is_conflict).as_py() or 0, is_conflict.null_count
    return Summary(
        n_removed=duplicates.num_rows,
        n_groups=sizes.num_rows,
        largest_group=1 + (pc.max(sizes.column("row_count")).as_py() or -1),
        n_conflicts=n_conflicts,
        n_without_taxon=n_without,
        n_by_distance=dict(sorted(counts.items())),
    )


def list_conflicts(duplicates: pa.Table, taxa: pa.Table) -> pa.Table:
    """The duplicates with another taxon than the kept row, where both have one, sorted by row."""
    pairs = list_taxa(duplicates, taxa)
    conflicts = pairs.filter(pc.not_equal(pairs.column("taxon"), pairs.column("kept_taxon")))
    return conflicts.select(duplicates.column_names).sort_by("row")


def list_taxa(duplicates: pa.Table, taxa: pa.Table) -> pa.Table:
    """Adds the columns `taxon` and `kept_taxon` to a table of duplicates; in any order."""
    taxa = taxa.select(["row", "taxon"])
    with_taxon = duplicates.join(taxa, "row")
    return with_taxon.join(taxa.rename_columns(["kept", "kept_taxon"]), "kept")
