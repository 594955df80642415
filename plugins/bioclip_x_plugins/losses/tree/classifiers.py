"""What gives the leaves their logits: a linear head of the loss's own, or the class bank, that is, the classes' texts.

Legend: B images of this process, M images that the logits are computed for, C classes (leaves), L live classes, D embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from bioclip_x.plugin import LinearHead, LossInput, TrainingError
from bioclip_x_plugins.losses.tree.shells import Leaves

On = Literal["linear", "bank"]


@dataclass(frozen=True, eq=False)
class Scored:
    """Images and the classifiers of their leaves. x_MD: image embeddings, scaled. node_M: int64, -1 for none.

    has_all: whether M are the images of all processes, rather than this one's.
    """

    x_MD: torch.Tensor
    node_M: torch.Tensor
    leaves: Leaves
    has_all: bool = False

    def mean(self, batch: LossInput, values_M: torch.Tensor, counted_M: torch.Tensor) -> torch.Tensor:
        """Returns this process's part of the mean over the images that count, 0 if there are none."""
        if not self.has_all:
            return batch.mean(values_M, counted_M)
        return values_M.where(counted_M, torch.zeros_like(values_M)).sum() / counted_M.sum().clamp(min=1)


class LinearClassifier(nn.Module):
    """A linear layer on unit image embeddings times √D, whose elements then have a mean square of 1.

    Embeddings of unit length are what a scorer has at hand when it classifies. Starts at zero, as heads of vision
    transformers do (big_vision's `head_zeroinit`): all classes are equally likely then, and no random state has a part in it.
    """

    def __init__(self, n_classes: int, embed_dim: int) -> None:
        super().__init__()
        self.weight_CD = nn.Parameter(torch.zeros(n_classes, embed_dim))
        self.bias_C = nn.Parameter(torch.zeros(n_classes))
        self.scale = math.sqrt(embed_dim)

    def score(self, batch: LossInput) -> Scored:
        return Scored(batch.image_BD * self.scale, batch.node_B, Leaves(self.weight_CD, self.bias_C))

    def export(self, node_C: np.ndarray) -> LinearHead:
        """Returns the layer for unit embeddings. node_C: the nodes that its rows stand for."""
        weight_CD = (self.weight_CD.detach() * self.scale).float().cpu()
        return LinearHead(weight_CD, self.bias_C.detach().float().cpu(), node_C, normalised=True)


class BankClassifier(nn.Module):
    """The class bank times the logit scale; a logit bias is the same for all classes, and has no part in probabilities.

    Classes in the batch are live: each is the mean of the embeddings of the texts drawn for its images in this step, scaled to
    unit length, with gradients. With several processes, each has a part of the bank, and sees the images of all.
    """

    class_N: torch.Tensor

    def __init__(self, class_N: np.ndarray) -> None:
        """class_N: the class index of each node, -1 for none."""
        super().__init__()
        self.register_buffer("class_N", torch.from_numpy(class_N.astype(np.int64)), persistent=False)

    def score(self, batch: LossInput) -> Scored:
        if batch.bank is None:
            raise TrainingError("the loss needs the class bank (on: bank), but this run has none")
        join = batch.world.gather_ragged
        image_MD, node_M = join(batch.image_BD), join(batch.node_B)
        live_L, live_LD = self._find_live(join(batch.text_TD[batch.text_BK].mean(dim=1)), node_M)
        group = None if batch.world.size == 1 else batch.world
        leaves = Leaves(batch.bank.rows(), first=batch.bank.first, group=group, live_L=live_L, live_LD=live_LD)
        return Scored(image_MD * batch.logit_scale, node_M, leaves, has_all=True)

    def _find_live(self, text_MD: torch.Tensor, node_M: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the classes of the images and their rows. text_MD: the mean embedding of each image's texts."""
        class_M = self.class_N[node_M.clamp(min=0)].where(node_M >= 0, -1)
        images = (class_M >= 0).nonzero().flatten()
        live_L, place_M = torch.unique(class_M[images], return_inverse=True)
        sums_LD = text_MD.new_zeros(len(live_L), text_MD.shape[1]).index_add(0, place_M, text_MD[images])
        return live_L, normalize(sums_LD, dim=1)
