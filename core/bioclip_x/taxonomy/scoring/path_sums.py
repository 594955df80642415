"""Sums along paths from the root.

Legend: B images, I nodes with all their ancestors, N nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.tree import Taxonomy

if TYPE_CHECKING:
    import torch


def sum_down(values_IB: torch.Tensor, nodes: npt.NDArray[np.int64], taxonomy: Taxonomy) -> torch.Tensor:
    """Sums the values of each node and all its ancestors: floating point [I, B], same dtype, a new tensor.

    nodes: int64 [I], the nodes of the rows, in any order; the parent of each must be among them.
    """
    import torch

    row_N = np.full(taxonomy.n_nodes, -1, np.int64)
    row_N[nodes] = np.arange(len(nodes))
    sums_IB = values_IB.clone()
    for level in taxonomy.levels[1:]:
        rows = row_N[level]
        rows = rows[rows >= 0]
        above = row_N[taxonomy.parent_N[nodes[rows]]]
        sums_IB[torch.from_numpy(rows)] += sums_IB[torch.from_numpy(above)]
    return sums_IB
