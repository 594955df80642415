"""The nodes of one rank, for heads with an option that names it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import RecipeError, Taxonomy


def find_rank_nodes(taxonomy: Taxonomy, rank: str, option: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the nodes of a rank, int64 [R], and the one that holds each class, as an index into them: int64 [C].

    option: of the head, for the error. Raises RecipeError for a rank that the taxonomy has no table for.
    """
    if rank not in taxonomy.rank_tables:
        known = ", ".join(taxonomy.rank_tables) or "none"
        raise RecipeError(f"{option}: this taxonomy has no table at rank {rank!r}; it has: {known}")
    nodes = taxonomy.rank_tables[rank].astype(np.int64)
    sizes = taxonomy.leaf_stop_N[nodes] - taxonomy.leaf_start_N[nodes]  # in leaf order, and of all classes
    return nodes, np.repeat(np.arange(len(nodes)), sizes)
