"""Sums along paths, from the root down.

Legend: B images, I some nodes and all those above them, N nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.tree import Taxonomy

if TYPE_CHECKING:
    import torch


def sum_down(values_IB: torch.Tensor, nodes: npt.NDArray[np.int64], taxonomy: Taxonomy) -> torch.Tensor:
    """The value of each node plus those of all nodes above it: floating point [I, B], same dtype, a new tensor.

    nodes: int64 [I], which nodes the rows are; with each its parent, in any order.
    """
    import torch

    place_N = np.full(taxonomy.n_nodes, -1, np.int64)
    place_N[nodes] = np.arange(len(nodes))
    sums_IB = values_IB.clone()
    for level in taxonomy.levels[1:]:
        rows = place_N[level]
        rows = rows[rows >= 0]
        above = place_N[taxonomy.parent_N[nodes[rows]]]
        sums_IB[torch.from_numpy(rows)] += sums_IB[torch.from_numpy(above)]
    return sums_IB
