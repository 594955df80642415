"""Losses on the leaves' logits: cross-entropy, hierarchical cross-entropy, soft labels. See `formulas` for the equations.

Legend: B images, R ranges of leaves.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bioclip_x.plugin import LinearHead, LossCapabilities, LossInput, Taxonomy
from bioclip_x_plugins.losses.tree.classifiers import BankClassifier, LinearClassifier, On
from bioclip_x_plugins.losses.tree.formulas import compute_cross_entropies, compute_hxe, compute_soft_label_loss
from bioclip_x_plugins.losses.tree.paths import Paths, TaxonTree, find_classes, name_class_level
from bioclip_x_plugins.losses.tree.shells import Shells, compute_shells


def make_capabilities(on: On) -> LossCapabilities:
    """Returns the capabilities of a loss on linear heads, which needs no text tower, or on the class bank."""
    return LossCapabilities(
        needs_prepare=True, needs_texts=on == "bank", needs_bank=on == "bank", exports_heads=on == "linear"
    )


class LeafLoss(nn.Module):
    """A loss whose logits are those of the classes. Images without a taxon do not count.

    on: `linear`, a head of its own on the images' embeddings, or `bank`, the embeddings of all classes' texts.
    """

    needs_sums = False
    """Whether `compute` uses `Shells.sums_BR`."""
    ends_only = False
    """Whether it needs only the image's own taxon and the root."""

    def __init__(self, *, on: On = "linear") -> None:
        super().__init__()
        self.on = on
        self.capabilities = make_capabilities(on)

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        self.taxonomy = taxonomy
        self.tree = TaxonTree(taxonomy)
        self.classifier = (
            LinearClassifier(n_classes, embed_dim) if self.on == "linear" else BankClassifier(find_classes(taxonomy))
        )

    def forward(self, batch: LossInput) -> torch.Tensor:
        scored = self.classifier.score(batch)
        paths = self.tree.find_paths(scored.node_M, ends_only=self.ends_only)
        shells = compute_shells(
            scored.x_MD, scored.leaves, paths.start_BR, paths.stop_BR, with_sums=self.needs_sums
        )  # fmt: skip
        return scored.mean(batch, self.compute(shells, paths), paths.known_B)

    def compute(self, shells: Shells, paths: Paths) -> torch.Tensor:
        """Returns each image's loss: [B]."""
        raise NotImplementedError

    def export_heads(self) -> Mapping[str, LinearHead]:
        """Returns the linear head, by the rank of the classes."""
        assert isinstance(self.classifier, LinearClassifier), "on: bank has no head"
        return {name_class_level(self.taxonomy): self.classifier.export(self.taxonomy.leaf_node_C)}


class CrossEntropy(LeafLoss):
    """-log p(taxon): of a class, or of all classes below an image's taxon."""

    ends_only = True

    def compute(self, shells: Shells, paths: Paths) -> torch.Tensor:
        return compute_cross_entropies(shells.log_sums_BR)[:, 0]


class Hxe(LeafLoss):
    """Hierarchical cross-entropy. alpha: how much less the finer decisions weigh; 0 is cross-entropy."""

    def __init__(self, alpha: float = 0.4, *, on: On = "linear") -> None:
        super().__init__(on=on)
        self.alpha = alpha

    def compute(self, shells: Shells, paths: Paths) -> torch.Tensor:
        return compute_hxe(shells.log_sums_BR, self.tree.depth_N[paths.node_BR], self.alpha)


class SoftLabels(LeafLoss):
    """Cross-entropy with soft labels. beta: their hardness; a large one is cross-entropy."""

    needs_sums = True

    def __init__(self, beta: float = 10.0, *, on: On = "linear") -> None:
        super().__init__(on=on)
        self.beta = beta

    def compute(self, shells: Shells, paths: Paths) -> torch.Tensor:
        return compute_soft_label_loss(shells, self.tree.distance_N[paths.node_BR], self.beta)
