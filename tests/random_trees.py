"""Random trees for hypothesis, and the plainest ways to walk them: what fast code is held against."""

from __future__ import annotations

from unittest import mock

import networkx
import numpy as np
import torch
from hypothesis import strategies as st

from bioclip_x.records import Logits
from bioclip_x.taxonomy import HOLE, SELF, Taxonomy, TaxonomyBuilder, tree

RANKS = ("class", "order", "family", "genus", "species")


@st.composite
def trees(draw: st.DrawFn) -> Taxonomy:
    """Trees of up to 25 taxa: nested without ranks, or lineages with gaps and homonyms; classes on some inner nodes.

    Some hold all nodes, some the inner ones only, as large trees do.
    """
    builder = TaxonomyBuilder()
    if draw(st.booleans()):
        for number in range(1, draw(st.integers(1, 25)) + 1):
            node = builder.add(draw(st.integers(0, number - 1)), "", f"taxon {number}")
            if draw(st.booleans()):
                builder.mark_class(node)
    else:
        names = st.tuples(*(st.sampled_from(["", f"{rank} a", "b", "c"]) for rank in RANKS)).filter(any)
        for lineage in draw(st.lists(names, min_size=1, max_size=8)):
            builder.add_lineage(list(zip(RANKS, lineage)))
    made = builder.build()
    with mock.patch.object(tree, "SMALL", draw(st.sampled_from([0, tree.SMALL]))):
        assert len(made.held_nodes)  # worked out once, and kept
    return made


logits = st.builds(
    lambda seed, scale: np.random.default_rng(seed).uniform(-scale, scale, (3, 2000)).astype(np.float32),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1.0, 5.0, 100.0]),
)
"""Three images' logits of more nodes than any tree has; equal ones, and such as lie 200 apart, among them."""


def in_parts(logits_BC: np.ndarray, size: int = 3) -> Logits:
    """float32 [B, C] as a record that comes in parts of `size` classes."""
    whole = torch.from_numpy(logits_BC)

    class InParts(Logits):
        def chunks(self):  # type: ignore[no-untyped-def]
            for start in range(0, self.n_classes, size):
                yield start, self.part(start, min(start + size, self.n_classes))

    return InParts(lambda start, stop: whole[:, start:stop].T.clone(), *whole.shape)


def shares(log_probs_C: np.ndarray, taxonomy: Taxonomy) -> list[float]:
    """The sum of the shares of the classes below each node, from logits or log-probabilities, in float64."""
    of_class = np.exp(log_probs_C.astype(np.float64) - log_probs_C.max())
    of_class /= of_class.sum()
    return [sum(of_class[c] for c in classes_below(taxonomy, node)) for node in range(taxonomy.n_nodes)]


def above(taxonomy: Taxonomy, node: int) -> list[int]:
    """The node and all those above it, up to the root."""
    return [node] if node == 0 else [node, *above(taxonomy, int(taxonomy.parent_N[node]))]


def classes_below(taxonomy: Taxonomy, node: int) -> list[int]:
    return [c for c, leaf in enumerate(taxonomy.leaf_node_C) if node in above(taxonomy, int(leaf))]


def is_made_up(taxonomy: Taxonomy, node: int) -> bool:
    return taxonomy.kind_N[node] in (HOLE, SELF)


def owner(taxonomy: Taxonomy, node: int) -> int:
    return next(n for n in above(taxonomy, node) if not is_made_up(taxonomy, n))


def graph_of_taxa(taxonomy: Taxonomy) -> networkx.DiGraph:
    """The root and the taxa, parent → child, without holes and self leaves."""
    graph = networkx.DiGraph()
    graph.add_node(0)
    for node in range(1, taxonomy.n_nodes):
        if not is_made_up(taxonomy, node):
            graph.add_edge(owner(taxonomy, int(taxonomy.parent_N[node])), node)
    return graph
