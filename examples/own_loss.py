"""A training loss of your own: softmax-margin, by which far mistakes cost more than near ones.

    bioclip-x train examples/own_loss.yaml --plugin examples/own_loss.py
    bioclip-x classify --model local-dir:runs/own-loss/model --taxonomy examples/own-species.csv examples/drawings

The texts that are wrong for an image get a head start that grows with their distance in the tree, so that the image's own text
has to win against a fungus by more than against another tit (Gimpel & Smith, "Softmax-margin CRFs", NAACL 2010).

Legend: B images of this process, S texts of all processes, N nodes of the tree, D embedding.
"""

from typing import Annotated

import torch
from pydantic import Field

from bioclip_x.plugin import ComponentSpec, LossInput, TreeTensors, hookimpl


@hookimpl
def losses() -> list[ComponentSpec]:
    """Registers the loss, which makes `loss: softmax-margin` available."""
    return [ComponentSpec("softmax-margin", "far mistakes cost more than near ones", f"{__name__}:SoftmaxMargin")]


class SoftmaxMargin:
    """Computes -z_own + log( exp z_own + Σ_j exp(z_j + cost·distance_j) ) for each image, with j its wrong texts.

    cost: of a text that shares nothing with the image's taxon, in logits; 0 is the usual contrastive loss.
    """

    def __init__(self, cost: Annotated[float, Field(ge=0)] = 2.0) -> None:
        self.cost = cost

    def __call__(self, batch: LossInput) -> torch.Tensor:
        """Returns this process's part of the loss: the mean over the processes is the loss of the whole batch."""
        gathered = batch.gathered  # the texts of all processes
        own_B1 = batch.logit_scale * (batch.image_BD * batch.text_BD).sum(1, keepdim=True)
        logits_BS = batch.logit_scale * batch.image_BD @ gathered.text_SD.T
        logits_BS = logits_BS + self.cost * compute_distances(batch.node_B, gathered.text_node_S, batch.tree)
        # Texts that are right as well are no mistakes, and where it is not known, nothing is learned.
        is_wrong_BS = gathered.known_BS & ~gathered.right_BS
        wrong_BS = logits_BS.masked_fill(~is_wrong_BS, float("-inf"))
        return batch.mean(torch.cat([own_B1, wrong_BS], 1).logsumexp(1) - own_B1[:, 0])


def compute_distances(node_B: torch.Tensor, node_S: torch.Tensor, tree: TreeTensors) -> torch.Tensor:
    """Returns which part of each image's path down the tree a text does not share, from 0 to 1: float32 [B, S].

    1 for an image or a text without a taxon (node -1).
    """
    start_N = torch.arange(len(tree.node_stop_N), device=node_B.device)

    def find_ancestors(nodes: torch.Tensor) -> torch.Tensor:  # a node is at or below those whose range it is in
        return ((start_N <= nodes[:, None]) & (nodes[:, None] < tree.node_stop_N)).float()

    above_BN = find_ancestors(node_B)
    shared_BS = above_BN @ find_ancestors(node_S).T
    return 1 - shared_BS / above_BN.sum(1, keepdim=True).clamp(min=1)
