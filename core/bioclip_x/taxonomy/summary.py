"""Counts the ranks, names and details of a tree.

Legend: N nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.ancestors import find_last_below, is_taxon
from bioclip_x.taxonomy.details import BETWEEN, as_columns
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import HOLE, Taxonomy


@dataclass(frozen=True, slots=True)
class RankCount:
    """taxa: of this rank. holes: lineages that skip this rank. classes: taxa of this rank that are classes."""

    rank: str
    taxa: int
    holes: int
    classes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a tree.

    inner: classes that have taxa below. tops: taxa without a parent. depth: taxa on the longest path. ranks: from the top
    down, unordered ranks last. common_names: number of names by language. ids: taxa with an identifier, by scheme.
    synonyms: number of synonyms. authors: taxa with an authorship.
    """

    taxa: int
    classes: int
    inner: int
    tops: int
    depth: int
    ranks: tuple[RankCount, ...]
    common_names: Mapping[str, int]
    ids: Mapping[str, int]
    synonyms: int
    authors: int


def summarise(taxonomy: Taxonomy) -> Summary:
    taxa = is_taxon(taxonomy)
    before_N = np.concatenate([[0], np.cumsum(taxa)])
    has_taxa_N = before_N[find_last_below(taxonomy) + 1] > before_N[1:]
    is_class = taxa & (taxonomy.class_of_N >= 0)
    depth_N = np.zeros(taxonomy.n_nodes, np.int64)
    for nodes in taxonomy.levels[1:]:
        depth_N[nodes] = depth_N[taxonomy.parent_N[nodes]] + taxa[nodes]
    counts: dict[str, dict[str, int]] = {"common": {}, "id": {}, "synonyms": {}, "authorship": {}, "extra": {}}
    for column in as_columns(taxonomy.details).columns:
        several = column.role in ("common", "synonyms")
        count = len(column.values) + (sum(text.count(BETWEEN) for text in column.values) if several else 0)
        counts[column.role][column.key] = counts[column.role].get(column.key, 0) + count
    return Summary(
        taxa=int(taxa.sum()),
        classes=taxonomy.n_classes,
        inner=int((is_class & has_taxa_N).sum()),
        tops=int((depth_N[taxa] == 1).sum()),
        depth=int(depth_N.max()),
        ranks=_count_ranks(taxonomy, has_taxa_N),
        common_names=dict(sorted(counts["common"].items(), key=lambda item: -item[1])),
        ids=counts["id"],
        synonyms=sum(counts["synonyms"].values()),
        authors=sum(counts["authorship"].values()),
    )


def _count_ranks(taxonomy: Taxonomy, has_taxa_N: npt.NDArray[np.bool_]) -> tuple[RankCount, ...]:
    size = len(taxonomy.rank_names)
    taxa = is_taxon(taxonomy)

    def count(mask: npt.NDArray[np.bool_]) -> list[int]:
        counts: list[int] = np.bincount(taxonomy.rank_N[mask], minlength=size).tolist()
        return counts

    columns = zip(
        taxonomy.rank_names,
        count(taxa),
        count((taxonomy.kind_N == HOLE) & has_taxa_N),
        count(taxa & (taxonomy.class_of_N >= 0)),
    )
    used = [row for row in (RankCount(*values) for values in columns) if row.taxa]
    return tuple(sorted(used, key=lambda row: ORDER.get(row.rank, len(ORDER))))
