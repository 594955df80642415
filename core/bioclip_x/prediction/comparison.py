"""Selects the node that the best prediction is compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np

from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.taxonomy import Taxonomy


def select_compared(taxonomy: Taxonomy, probabilities: NodeProbabilities, nodes: Sequence[int]) -> list[int]:
    """Returns the best of the reported nodes and the node to compare it with.

    That is the second best node, else the best class outside the best node; if all of the best classes lie inside it, the
    most probable sibling of the best node or of one of its ancestors. There may be none.
    """
    if len(nodes) > 1:
        return list(nodes[:2])
    start, stop = taxonomy.leaf_start_N[nodes[0]], taxonomy.leaf_stop_N[nodes[0]]
    possible = (c for c in probabilities.best if probabilities.log_of_class[c] > -math.inf)
    outside = (int(taxonomy.leaf_node_C[c]) for c in possible if not start <= c < stop)
    return [nodes[0], *islice(chain(outside, _find_siblings(taxonomy, probabilities, nodes[0])), 1)]


def _find_siblings(taxonomy: Taxonomy, probabilities: NodeProbabilities, node: int) -> Iterator[int]:
    """Yields the most probable sibling of a node, then of each ancestor. Skips excluded nodes and those not held."""
    while node > 0:
        parent = int(taxonomy.parent_N[node])
        siblings = np.array([one for one in taxonomy.children(parent) if one != node], np.int64)
        siblings = siblings[taxonomy.place_N[siblings] >= 0]
        if len(siblings):
            logs = probabilities.logs(taxonomy.place_N[siblings])
            if logs.max() > -math.inf:
                yield int(siblings[logs.argmax()])
        node = parent
