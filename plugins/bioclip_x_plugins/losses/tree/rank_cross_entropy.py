"""A cross-entropy at each rank, as in multitask learning with a head per rank (Bjerge et al. 2023, Ecological Informatics 77,
102278), without that paper's term for dependent levels.

    L = Σ_r mean over the images whose taxon at rank r is known: -log p_r(that taxon)

On linear heads, p_r is the softmax of rank r's own head; on the class bank, the sum of the leaves' probabilities below the
taxon. A rank that a lineage lacks (a hole) is unknown, and so is every rank below an image's label.

Legend: B images, N nodes, C taxa of one rank, R ranges of leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import nn

from bioclip_x.plugin import LinearHead, LossInput, Taxonomy
from bioclip_x_plugins.losses.tree.classifiers import BankClassifier, LinearClassifier, On
from bioclip_x_plugins.losses.tree.formulas import compute_cross_entropies
from bioclip_x_plugins.losses.tree.leaf_losses import make_capabilities
from bioclip_x_plugins.losses.tree.paths import (
    TaxonTree,
    find_at_rank,
    find_classes,
    list_inner_ranks,
    name_class_level,
)
from bioclip_x_plugins.losses.tree.shells import compute_shells


class Level(nn.Module):
    """The taxa of one rank, or the classes. nodes_C: int64. node_N: int64, the one that each node is or is below, -1 for none.

    row_N: int64, the place of each node of the level in nodes_C, 0 for others.
    """

    node_N: torch.Tensor
    row_N: torch.Tensor

    def __init__(self, nodes_C: np.ndarray, node_N: np.ndarray, embed_dim: int | None) -> None:
        """embed_dim: of the level's own head; None for no head."""
        super().__init__()
        row_N = np.zeros(len(node_N), np.int64)
        row_N[nodes_C] = np.arange(len(nodes_C))
        self.nodes_C = nodes_C
        self.register_buffer("node_N", torch.from_numpy(node_N.astype(np.int64)), persistent=False)
        self.register_buffer("row_N", torch.from_numpy(row_N), persistent=False)
        self.head = None if embed_dim is None else LinearClassifier(len(nodes_C), embed_dim)

    def find(self, node_B: torch.Tensor) -> torch.Tensor:
        """Returns the level's node at or above each image's: int64 [B], -1 for unknown."""
        return self.node_N[node_B.clamp(min=0)].where(node_B >= 0, -1)

    def get_head(self) -> LinearClassifier:
        assert self.head is not None, "on: bank has no head"
        return self.head


class RankCrossEntropy(nn.Module):
    """A cross-entropy at each rank above the classes, and at the classes. on: `linear`, a head per rank, or `bank`."""

    def __init__(self, *, on: On = "linear") -> None:
        super().__init__()
        self.on = on
        self.capabilities = make_capabilities(on)

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        dim = embed_dim if self.on == "linear" else None
        ranks = list_inner_ranks(taxonomy)
        levels = []
        for rank in ranks:
            node_N = find_at_rank(taxonomy, rank)
            levels.append(Level(np.flatnonzero(node_N == np.arange(len(node_N))), node_N, dim))
        # A class that has classes below it is not known of an image labelled with it: it may be one of those.
        class_N, length_N = find_classes(taxonomy), taxonomy.leaf_stop_N - taxonomy.leaf_start_N
        is_class_N = (class_N >= 0) & (length_N[taxonomy.owner_N] == 1)
        levels.append(Level(taxonomy.leaf_node_C, np.where(is_class_N, taxonomy.leaf_node_C[class_N], -1), dim))
        self.names = [*ranks, name_class_level(taxonomy)]
        self.levels = nn.ModuleList(levels)
        if self.on == "bank":
            self.tree = TaxonTree(taxonomy)
            self.classifier = BankClassifier(class_N)

    def forward(self, batch: LossInput) -> dict[str, torch.Tensor]:
        return self._compare_heads(batch) if self.on == "linear" else self._compare_sums(batch)

    def _list_levels(self) -> list[tuple[str, Level]]:
        return [(name, cast(Level, level)) for name, level in zip(self.names, self.levels)]

    def _compare_heads(self, batch: LossInput) -> dict[str, torch.Tensor]:
        losses = {}
        for name, level in self._list_levels():
            scored = level.get_head().score(batch)
            node_B = level.find(batch.node_B)
            row_B1 = level.row_N[node_B.clamp(min=0)][:, None]
            all_B1 = torch.zeros_like(row_B1)
            start_BR, stop_BR = torch.cat([row_B1, all_B1], 1), torch.cat([row_B1 + 1, all_B1 + len(level.nodes_C)], 1)
            shells = compute_shells(scored.x_MD, scored.leaves, start_BR, stop_BR)
            values_B = compute_cross_entropies(shells.log_sums_BR)[:, 0]
            losses[name] = scored.mean(batch, values_B, node_B >= 0)
        return losses

    def _compare_sums(self, batch: LossInput) -> dict[str, torch.Tensor]:
        scored = self.classifier.score(batch)
        paths = self.tree.find_paths(scored.node_M)
        shells = compute_shells(scored.x_MD, scored.leaves, paths.start_BR, paths.stop_BR)
        values_BR = compute_cross_entropies(shells.log_sums_BR)
        losses = {}
        for name, level in self._list_levels():
            node_B = level.find(scored.node_M)
            if level is self.levels[-1]:  # the image's own taxon, whose only leaf the class is
                values_B = values_BR[:, 0]
            else:
                values_B = values_BR.where(paths.node_BR == node_B[:, None], torch.zeros_like(values_BR)).sum(dim=1)
            losses[name] = scored.mean(batch, values_B, node_B >= 0)
        return losses

    def export_heads(self) -> Mapping[str, LinearHead]:
        """Returns the heads by rank; that of the classes is the last."""
        return {name: level.get_head().export(level.nodes_C) for name, level in self._list_levels()}
