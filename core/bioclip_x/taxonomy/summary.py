"""Counts of a tree: what its ranks, names and details amount to.

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
    """taxa: of this rank. holes: lineages that have none and go on below. classes: of the taxa."""

    rank: str
    taxa: int
    holes: int
    classes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """ranks: from the top down, those outside the order after them. classes: of them `inner` have taxa below.

    depth: taxa on the longest path. tops: taxa with nothing above. common_names: names by language. ids: taxa with an
    identifier of each kind. synonyms, authors: how many.
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
        ranks=_ranks(taxonomy, has_taxa_N),
        common_names=dict(sorted(counts["common"].items(), key=lambda item: -item[1])),
        ids=counts["id"],
        synonyms=sum(counts["synonyms"].values()),
        authors=sum(counts["authorship"].values()),
    )


def _ranks(taxonomy: Taxonomy, has_taxa_N: npt.NDArray[np.bool_]) -> tuple[RankCount, ...]:
    size = len(taxonomy.rank_names)
    taxa = is_taxon(taxonomy)

    def count(which: npt.NDArray[np.bool_]) -> list[int]:
        found: list[int] = np.bincount(taxonomy.rank_N[which], minlength=size).tolist()
        return found

    numbers = zip(
        taxonomy.rank_names,
        count(taxa),
        count((taxonomy.kind_N == HOLE) & has_taxa_N),
        count(taxa & (taxonomy.class_of_N >= 0)),
    )
    found = [RankCount(*one) for one in numbers]
    used = [one for one in found if one.taxa]
    return tuple(sorted(used, key=lambda one: ORDER.get(one.rank, len(ORDER))))
