"""Decides on the device which texts apply to which images, from text ids and the tree.

Legend: B images, T texts, O own texts of an image, U distinct texts of taxa, E pairs of a text and a taxon, N nodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import numpy as np
import torch

from bioclip_x.records.training import TreeTensors
from bioclip_x.taxonomy import Taxonomy

MOST_CELLS: Final = 1 << 26
"""Pairs of images and texts' taxa compared at once."""


def make_text_id(text: str) -> int:
    """Returns a number from 0 to 2⁶³ - 1 that is the same for equal texts on all processes (from BLAKE2b).

    Ten million different texts have equal numbers with a probability of 5 · 10⁻⁶.
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def make_tree_tensors(taxonomy: Taxonomy, device: torch.device) -> TreeTensors:
    """Copies a tree's arrays to a device."""
    stop_N = np.arange(1, taxonomy.n_nodes + 1)
    for nodes in taxonomy.levels[:0:-1]:  # from the deepest level up to the root's children
        np.maximum.at(stop_N, taxonomy.parent_N[nodes], stop_N[nodes])
    arrays = (
        taxonomy.parent_N, taxonomy.rank_N, taxonomy.kind_N, taxonomy.leaf_start_N, taxonomy.leaf_stop_N,
        taxonomy.leaf_node_C, stop_N,
    )  # fmt: skip
    return TreeTensors(*(torch.from_numpy(array.astype(np.int64)).to(device) for array in arrays))


class Truth:
    """Matches images with texts. See `records.training.TextMatcher`.

    A text applies to an image if it is one of its own, or about its taxon or a taxon above. Whether a text about a taxon
    *below* the image's (one of the species of an image labelled at genus) applies is unknown. All others do not apply.

    texts: (text, node it is about) pairs, of every class and every taxon that images are labelled with.
    """

    def __init__(self, texts: Iterable[tuple[str, int]], tree: TreeTensors) -> None:
        pairs = sorted({(make_text_id(text), node) for text, node in texts})
        id_E = np.array([one for one, _ in pairs], np.int64)
        id_U, start_U = np.unique(id_E, return_index=True)
        device = tree.parent_N.device
        self.tree = tree
        self._id_U = torch.from_numpy(id_U).to(device)
        self._start_U1 = torch.from_numpy(np.append(start_U, len(id_E))).to(device)
        self._node_E = torch.tensor([node for _, node in pairs], dtype=torch.int64, device=device)

    def match(
        self, node_B: torch.Tensor, own_id_BO: torch.Tensor, text_id_T: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        text_P, node_P = self._list_taxa(text_id_T)
        right_BT = torch.zeros(len(node_B), len(text_id_T), dtype=torch.int32, device=node_B.device)
        below_BT = torch.zeros_like(right_BT)
        node_B1 = node_B[:, None]
        stop_B1 = torch.where(node_B1 >= 0, self.tree.node_stop_N[node_B1.clamp(min=0)], -1)
        size = max(1, MOST_CELLS // max(1, len(node_B)))
        for texts, nodes in zip(*(torch.split(x, size) for x in (text_P, node_P))):
            above = (nodes <= node_B1) & (node_B1 < self.tree.node_stop_N[nodes])
            right_BT.index_add_(1, texts, above.int())
            below_BT.index_add_(1, texts, ((node_B1 >= 0) & (node_B1 < nodes) & (nodes < stop_B1)).int())
        is_right_BT = right_BT > 0
        for own_B in own_id_BO.unbind(1):
            is_right_BT |= (own_B[:, None] == text_id_T) & (own_B[:, None] >= 0)
        return is_right_BT, is_right_BT | (below_BT == 0)

    def _list_taxa(self, text_id_T: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the pairs of the given texts and the taxa that they are about: place among the texts, and node."""
        if not len(self._id_U):
            return text_id_T.new_empty(0), text_id_T.new_empty(0)
        at_T = torch.searchsorted(self._id_U, text_id_T).clamp(max=len(self._id_U) - 1)
        count_T = torch.where(self._id_U[at_T] == text_id_T, self._start_U1[at_T + 1] - self._start_U1[at_T], 0)
        text_P = torch.repeat_interleave(count_T)
        within_P = torch.arange(len(text_P), device=text_P.device) - (count_T.cumsum(0) - count_T)[text_P]
        return text_P, self._node_E[self._start_U1[at_T[text_P]] + within_P]
