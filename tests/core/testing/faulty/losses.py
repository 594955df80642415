"""Losses, each with one fault."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bioclip_x.plugin import LinearHead, LossCapabilities, LossInput, Taxonomy

KIND = "losses"


class Right:
    """the distance of each image to its own text"""

    def __call__(self, batch: LossInput) -> Any:
        return batch.mean(1 - (batch.image_BD * batch.text_BD).sum(1))


class RightHead(nn.Module):
    """a linear head"""

    capabilities = LossCapabilities(needs_prepare=True, needs_texts=False, exports_heads=True)

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        self.linear, self.taxonomy = nn.Linear(embed_dim, n_classes), taxonomy

    def forward(self, batch: LossInput) -> torch.Tensor:
        class_B = torch.from_numpy(self.taxonomy.class_of_N).long()[batch.node_B]
        lost_B = nn.functional.cross_entropy(self.linear(batch.image_BD), class_B.clamp(min=0), reduction="none")
        return batch.mean(lost_B, batch.node_B >= 0)

    def export_heads(self) -> Mapping[str, LinearHead]:
        nodes_C = self.taxonomy.leaf_node_C.astype("int64")
        return {"classes": LinearHead(self.linear.weight.detach(), self.linear.bias.detach(), nodes_C, True)}


class Infinite(Right):
    """the logarithm of nothing"""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return super().__call__(batch) + torch.zeros(()).log()


class OfSeveral(Right):
    """a mean over the pairs of images, of which one image has none"""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return batch.image_raw_BD[:-1].mean()


class Detached(Right):
    """a text that gets no gradient"""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return batch.mean(1 - (batch.image_BD * batch.text_BD.detach()).sum(1))


class FirstOnly(Right):
    """a loss of the first image"""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return super().__call__(batch) + batch.image_BD[0, 0]


class OfOneProcess(Right):
    """a sum in place of a mean"""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return (1 - (batch.image_BD * batch.text_BD).sum(1)).sum()


class Double(Right):
    """always float64"""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return super().__call__(batch).double()


class Late(RightHead):
    """parameters that are made with the first batch"""

    capabilities = LossCapabilities()

    def forward(self, batch: LossInput) -> torch.Tensor:
        self.shift = nn.Parameter(torch.zeros(()))
        return Right()(batch) + self.shift


class OfTexts(Right):
    """uses texts and does not say so"""

    capabilities = LossCapabilities(needs_texts=False)


class OfOtherNodes(RightHead):
    """heads whose rows are of classes, not of nodes"""

    def export_heads(self) -> Mapping[str, LinearHead]:
        return {name: replace(head, nodes_C=head.nodes_C + 1000) for name, head in super().export_heads().items()}


RIGHT = (Right, RightHead)
FAULTY = {
    "it_is_finite": Infinite,
    "odd_batches_are_finite": OfSeveral,
    "it_computes_in_float32": Double,
    "its_parameters_are_made_before": Late,
    "texts_are_used_as_declared": OfTexts,
    "exported_heads_are_of_the_tree": OfOtherNodes,
    "gradients_are_right": Detached,
    "order_of_images_does_not_matter": FirstOnly,
    "processes_share_a_batch": OfOneProcess,
}
