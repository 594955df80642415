"""Encodes common prefixes of texts only once.

In a causal text tower, a token's state depends only on the tokens before it. The texts of a bank therefore form a trie of
tokens, in which each node needs to be computed once: names share the ranks of their lineage, prompts the first words of
their template. A tree is encoded as one sequence without padding: the position of a node is its depth, and a mask lets it
attend to its ancestors only (tree attention, as in SpecInfer: Miao et al., ASPLOS 2024, arXiv 2305.09781).

Legend: P texts, L context, T nodes of a tree, D the tower's width, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from bioclip_x_plugins.encoders.context import find_croppable_tower, take_end_of_text

MOST_NODES: Final = 512
"""Maximum number of nodes of a tree. Larger trees share more, but attention is quadratic in the number of nodes."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of tokens.

    token_T, depth_T: int64, of each node. sees_TT: bool, row t is true at node t and its ancestors.
    text_P: int64, the indices of its texts. end_P: int64, the last node of each text.
    """

    token_T: np.ndarray
    depth_T: np.ndarray
    sees_TT: np.ndarray
    text_P: np.ndarray
    end_P: np.ndarray


def encode_sharing(model: nn.Module, tokens_PL: torch.Tensor, most_nodes: int = MOST_NODES) -> torch.Tensor | None:
    """Computes text embeddings [P, E], not normalised, on the tower's device; None for a tower that needs the full context.

    Equals `model.encode_text` up to rounding. tokens_PL: int64 [P, L], on the CPU, at least one text, padded to the
    model's context.
    """
    tower = find_croppable_tower(model)
    if tower is None:
        return None
    length_P = (take_end_of_text(tower, tokens_PL) + 1).tolist()
    texts = [tuple(row[:length]) for row, length in zip(tokens_PL.tolist(), length_P)]
    order, parts = [], []
    for tree in build_trees(texts, most_nodes):
        order.append(tree.text_P)
        parts.append(_encode(tower, tree))
    row_P = np.argsort(np.concatenate(order))
    return torch.cat(parts)[torch.from_numpy(row_P)]


def build_trees(texts: Sequence[tuple[int, ...]], most_nodes: int) -> Iterator[Tree]:
    """Yields non-empty trees with all texts, of at most `most_nodes` nodes each; longer texts have their own tree."""
    builder = _TreeBuilder()
    # Sorted, so that a text's longest prefix in the tree is the one shared with its predecessor.
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        if builder.ends and builder.count_nodes_with(texts[index]) > most_nodes:
            yield builder.build()
            builder = _TreeBuilder()
        builder.add(index, texts[index])
    if builder.ends:
        yield builder.build()


class _TreeBuilder:
    """Builds a tree from texts added in sorted order."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self.depths: list[int] = []
        self.ends: list[tuple[int, int]] = []
        self._last: tuple[int, ...] = ()
        self._path: list[int] = []

    def _count_shared(self, text: tuple[int, ...]) -> int:
        shorter = min(len(text), len(self._last))
        return next((i for i in range(shorter) if text[i] != self._last[i]), shorter)

    def count_nodes_with(self, text: tuple[int, ...]) -> int:
        return len(self.tokens) + len(text) - self._count_shared(text)

    def add(self, index: int, text: tuple[int, ...]) -> None:
        del self._path[self._count_shared(text) :]
        for token in text[len(self._path) :]:
            self.parents.append(self._path[-1] if self._path else -1)
            self.depths.append(len(self._path))
            self._path.append(len(self.tokens))
            self.tokens.append(token)
        self.ends.append((index, self._path[-1]))
        self._last = text

    def build(self) -> Tree:
        sees_TT = np.eye(len(self.tokens), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                sees_TT[node] |= sees_TT[parent]  # a parent comes before its children
        text_P, end_P = np.array(self.ends, np.int64).T
        return Tree(np.array(self.tokens), np.array(self.depths), sees_TT, text_P, end_P)


def _encode(tower: Any, tree: Tree) -> torch.Tensor:
    """Computes embeddings [P, E] as open_clip's `encode_text`, with the tree's positions and mask."""
    device, dtype = tower.positional_embedding.device, tower.transformer.get_cast_dtype()
    token_T, depth_T, end_P = (torch.from_numpy(part).to(device) for part in (tree.token_T, tree.depth_T, tree.end_P))
    mask_TT = torch.zeros(tree.sees_TT.shape, dtype=dtype)
    mask_TT.masked_fill_(torch.from_numpy(~tree.sees_TT), -torch.inf)
    states_TD = tower.token_embedding(token_T).to(dtype) + tower.positional_embedding[depth_T].to(dtype)
    states_TD = tower.transformer(states_TD[None], attn_mask=mask_TT.to(device))[0]
    pooled_PD: torch.Tensor = tower.ln_final(states_TD[end_P])
    projection = tower.text_projection
    if projection is None:
        return pooled_PD
    projected_PE: torch.Tensor = projection(pooled_PD) if isinstance(projection, nn.Linear) else pooled_PD @ projection
    return projected_PE
