"""The taxon of each node at each rank, for losses that compare images rank by rank.

Legend: N nodes, R ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bioclip_x.plugin import TAXON, Taxonomy, TrainingError


def choose_ranks(taxonomy: Taxonomy, chosen: Sequence[str] | None) -> list[int]:
    """Returns the indices in `taxonomy.rank_names` of the chosen ranks, from the top down.

    chosen: names of ranks; None for all ranks with at least two taxa. Raises TrainingError for a rank without taxa, and if
    there is none.
    """
    is_taxon = taxonomy.kind_N == TAXON
    depth_N = np.zeros(taxonomy.n_nodes)
    for depth, nodes in enumerate(taxonomy.levels):
        depth_N[nodes] = depth
    count_R = np.bincount(taxonomy.rank_N[is_taxon], minlength=len(taxonomy.rank_names))
    depth_R = np.bincount(taxonomy.rank_N[is_taxon], depth_N[is_taxon], minlength=len(count_R)) / np.maximum(count_R, 1)
    found = {name: i for i, name in enumerate(taxonomy.rank_names) if name and count_R[i]}
    names = [name for name in found if count_R[found[name]] > 1] if chosen is None else list(dict.fromkeys(chosen))
    if missing := [name for name in names if name not in found]:
        raise TrainingError(f"loss: the taxonomy has no taxon of rank {missing[0]!r}; its ranks are {', '.join(found)}")
    if not names:
        raise TrainingError("loss: no rank of the taxonomy has two taxa to contrast; choose a loss without ranks")
    return sorted((found[name] for name in names), key=lambda rank: depth_R[rank])


def find_taxon_at_ranks(taxonomy: Taxonomy, ranks: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds each node's taxon at each rank: the node itself or the one above it, -1 for none.

    ranks: indices in `taxonomy.rank_names`. Holes and self leaves are no taxa; a self leaf has the ranks of its taxon.

    Returns the taxa, int64 [R, N], and which of the ranks is each node's own, int64 [N], -1 for others.
    """
    taxon_RN = np.full((len(ranks), taxonomy.n_nodes), -1, np.int64)
    for nodes in taxonomy.levels:
        inner = nodes[taxonomy.parent_N[nodes] >= 0]
        taxon_RN[:, inner] = taxon_RN[:, taxonomy.parent_N[inner]]
        for i, rank in enumerate(ranks):
            own = nodes[(taxonomy.rank_N[nodes] == rank) & (taxonomy.kind_N[nodes] == TAXON)]
            taxon_RN[i, own] = own
    own_rank_N = np.full(taxonomy.n_nodes, -1, np.int64)
    for i, rank in enumerate(ranks):
        owner_N = taxonomy.owner_N
        own_rank_N[(taxonomy.rank_N[owner_N] == rank) & (taxonomy.kind_N[owner_N] == TAXON)] = i
    return torch.from_numpy(taxon_RN), torch.from_numpy(own_rank_N)
