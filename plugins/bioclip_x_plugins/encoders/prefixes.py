"""Texts that begin alike share the work.

In a causal text tower a token's state depends on the tokens before it and on nothing else. So the texts of a bank are a
tree of tokens (a trie): names of one lineage share its ranks, prompts of one template its first words, and each node
needs to be computed once. A tree lies in one sequence: every node has the position of its depth, and a mask by which it
sees its ancestors alone (tree attention, as SpecInfer does it for decoding: Miao et al., ASPLOS 2024, arXiv 2305.09781).
There is no padding at all.

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
"""In a tree. More share more, and each node is compared with all others of its tree."""


@dataclass(frozen=True, slots=True)
class Tree:
    """token_T, depth_T: int64, of each node. sees_TT: bool, row t is true at node t and its ancestors.

    text_P: int64, which texts it holds. end_P: int64, the last node of each.
    """

    token_T: np.ndarray
    depth_T: np.ndarray
    sees_TT: np.ndarray
    text_P: np.ndarray
    end_P: np.ndarray


def encode_sharing(model: nn.Module, tokens_PL: torch.Tensor, most_nodes: int = MOST_NODES) -> torch.Tensor | None:
    """Text embeddings [P, E], not normalised, on the tower's device; None for a tower that looks past a text's end.

    Differs from `model.encode_text` by rounding only. tokens_PL: int64 [P, L], on the CPU, at least one text, padded to
    the model's context.
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
    place_P = np.argsort(np.concatenate(order))
    return torch.cat(parts)[torch.from_numpy(place_P)]


def build_trees(texts: Sequence[tuple[int, ...]], most_nodes: int) -> Iterator[Tree]:
    """All texts, in trees of at most `most_nodes` nodes (a text that is longer has one of its own). None is empty."""
    growing = _Growing()
    # In this order, what two texts share is what each shares with all between them.
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        if growing.ends and growing.nodes_with(texts[index]) > most_nodes:
            yield growing.tree()
            growing = _Growing()
        growing.add(index, texts[index])
    if growing.ends:
        yield growing.tree()


class _Growing:
    """A tree that texts are added to, in their order."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self.depths: list[int] = []
        self.ends: list[tuple[int, int]] = []
        self._last: tuple[int, ...] = ()
        self._path: list[int] = []

    def _shared(self, text: tuple[int, ...]) -> int:
        both = min(len(text), len(self._last))
        return next((i for i in range(both) if text[i] != self._last[i]), both)

    def nodes_with(self, text: tuple[int, ...]) -> int:
        return len(self.tokens) + len(text) - self._shared(text)

    def add(self, index: int, text: tuple[int, ...]) -> None:
        del self._path[self._shared(text) :]
        for token in text[len(self._path) :]:
            self.parents.append(self._path[-1] if self._path else -1)
            self.depths.append(len(self._path))
            self._path.append(len(self.tokens))
            self.tokens.append(token)
        self.ends.append((index, self._path[-1]))
        self._last = text

    def tree(self) -> Tree:
        sees_TT = np.eye(len(self.tokens), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                sees_TT[node] |= sees_TT[parent]  # a parent comes before its children
        text_P, end_P = np.array(self.ends, np.int64).T
        return Tree(np.array(self.tokens), np.array(self.depths), sees_TT, text_P, end_P)


def _encode(tower: Any, tree: Tree) -> torch.Tensor:
    """[P, E], what open_clip's `encode_text` does, with the tree's positions and mask."""
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
