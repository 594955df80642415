"""What the best prediction is select_compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np

from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.taxonomy import Taxonomy


def select_compared(taxonomy: Taxonomy, shares: NodeProbabilities, nodes: Sequence[int]) -> list[int]:
    """The best of the reported nodes and what it is held against: the second best, or else the best class outside it.

    Where all of the best classes lie in it, that is the taxon beside it, or beside one above it, with the largest share.
    """
    if len(nodes) > 1:
        return list(nodes[:2])
    start, stop = taxonomy.leaf_start_N[nodes[0]], taxonomy.leaf_stop_N[nodes[0]]
    possible = (c for c in shares.best if shares.log_of_class[c] > -math.inf)
    outside = (int(taxonomy.leaf_node_C[c]) for c in possible if not start <= c < stop)
    return [nodes[0], *islice(chain(outside, _beside(taxonomy, shares, nodes[0])), 1)]


def _beside(taxonomy: Taxonomy, shares: NodeProbabilities, node: int) -> Iterator[int]:
    """The likeliest sibling of a node, then of the nodes above it; such as are possible and held."""
    while node > 0:
        parent = int(taxonomy.parent_N[node])
        siblings = np.array([one for one in taxonomy.children(parent) if one != node], np.int64)
        siblings = siblings[taxonomy.place_N[siblings] >= 0]
        if len(siblings):
            logs = shares.logs(taxonomy.place_N[siblings])
            if logs.max() > -math.inf:
                yield int(siblings[logs.argmax()])
        node = parent
