"""Labels beside a tree: blank, human, vehicle. They are alternatives to all of its taxa, at every rank.

A label beside the tree is a class without rank directly below the root, after all others; `Taxonomy.n_beside` counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.tree import TAXON, Taxonomy, refuse_half_characters


def add_beside(taxonomy: Taxonomy, labels: Sequence[str]) -> Taxonomy:
    """Returns the tree with further labels beside it; those that it has already are not repeated.

    Raises TaxonomyError for a blank label, one with half a character, and for one that is the name of another class without rank.
    """
    known = {taxonomy.names[node]: node for node in taxonomy.children(0) if not taxonomy.rank(node)}
    new: list[str] = []
    for label in dict.fromkeys(" ".join(label.split()) for label in labels):
        if not label:
            raise TaxonomyError("a label beside the taxonomy is blank; expected names such as blank, human, vehicle")
        if label not in known:
            new.append(label)
        elif known[label] not in taxonomy.beside_nodes:
            raise TaxonomyError(f"the label {label!r} cannot stand beside the taxonomy: it is one of its classes")
    refuse_half_characters(new)
    return _append(taxonomy, new) if new else taxonomy


def _append(taxonomy: Taxonomy, labels: Sequence[str]) -> Taxonomy:
    """Appends leaves of the root, which come last in depth-first order."""
    n, n_nodes, n_classes = len(labels), taxonomy.n_nodes, taxonomy.n_classes
    numbers = np.arange(n, dtype=np.int32)
    leaf_stop_N = np.concatenate([taxonomy.leaf_stop_N, n_classes + numbers + 1])
    leaf_stop_N[0] = n_classes + n
    return replace(
        taxonomy,
        parent_N=np.concatenate([taxonomy.parent_N, np.zeros(n, np.int32)]),
        rank_N=np.concatenate([taxonomy.rank_N, np.full(n, taxonomy.rank_N[0])]),
        kind_N=np.concatenate([taxonomy.kind_N, np.full(n, TAXON, taxonomy.kind_N.dtype)]),
        leaf_start_N=np.concatenate([taxonomy.leaf_start_N, n_classes + numbers]),
        leaf_stop_N=leaf_stop_N,
        leaf_node_C=np.concatenate([taxonomy.leaf_node_C, n_nodes + numbers]),
        names=(*taxonomy.names, *labels),
        line_N=None if taxonomy.line_N is None else np.concatenate([taxonomy.line_N, np.zeros(n, np.int32)]),
        n_beside=taxonomy.n_beside + n,
    )
