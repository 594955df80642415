"""The taxon of each node at each rank, for losses that compare images rank by rank.

Legend: N nodes, R ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bioclip_x.plugin import TAXON, Taxonomy, TrainingError
from bioclip_x_plugins.losses.tree.paths import find_at_rank


def choose_ranks(taxonomy: Taxonomy, chosen: Sequence[str] | None) -> list[str]:
    """Returns the chosen ranks, from the top down.

    chosen: names of ranks; None for all ranks with at least two taxa. Raises TrainingError for a rank without taxa, and if
    there is none.
    """
    is_taxon_N = taxonomy.kind_N == TAXON
    depths: dict[str, list[int]] = {}
    for depth, nodes in enumerate(taxonomy.levels):
        for rank in taxonomy.rank_N[nodes[is_taxon_N[nodes]]].tolist():
            depths.setdefault(taxonomy.rank_names[rank], []).append(depth)
    depths.pop("", None)
    ranks = (
        [rank for rank, found in depths.items() if len(found) > 1] if chosen is None else list(dict.fromkeys(chosen))
    )
    if missing := [rank for rank in ranks if rank not in depths]:
        raise TrainingError(
            f"loss: the taxonomy has no taxon of rank {missing[0]!r}; its ranks are {', '.join(depths)}"
        )
    if not ranks:
        raise TrainingError("loss: no rank of the taxonomy has two taxa to contrast; choose a loss without ranks")
    return sorted(ranks, key=lambda rank: float(np.mean(depths[rank])))


def find_taxon_at_ranks(taxonomy: Taxonomy, ranks: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds each node's taxon at each rank: the node itself or the one above it, -1 for none.

    Returns the taxa, int64 [R, N], and which of the ranks is that of the taxon each node stands for, int64 [N], -1 for others.
    """
    taxon_RN = np.stack([find_at_rank(taxonomy, rank) for rank in ranks]).astype(np.int64)
    is_own_RN = taxon_RN == taxonomy.owner_N
    own_rank_N = np.where(is_own_RN.any(axis=0), is_own_RN.argmax(axis=0), -1)
    return torch.from_numpy(taxon_RN), torch.from_numpy(own_rank_N)
