"""What a training loss is given, and what the training hooks are given.

Legend: B images, T distinct texts of a batch, K texts drawn for each image, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from bioclip_x.taxonomy.tree import Taxonomy


@dataclass(frozen=True, slots=True)
class LossInput:
    """One batch as losses see it.

    image_BD: float32 [B, D], rows L2-normalised. text_TD: float32 [T, D], rows L2-normalised, each text once.
    text_BK: int64 [B, K], the rows of `text_TD` that were drawn for each image.
    right_BT: bool [B, T], whether a text holds for an image: drawn for it or not, it is one of its own or of its class.
    aspect_T: int64 [T], what each text speaks of (a bird's bill, say), equal for texts that are alternatives, -1 for none.
    logit_scale: scalar tensor, already exponentiated; gradients flow. logit_bias: scalar tensor or None.
    taxon_B: int64 [B], the class of each image, -1 where an image has a text but no taxon.
    taxonomy: the tree that taxon_B indexes. gather: joins a tensor over processes along dim 0, gradients included;
        the identity in a single process.
    """

    image_BD: torch.Tensor
    text_TD: torch.Tensor
    text_BK: torch.Tensor
    right_BT: torch.Tensor
    aspect_T: torch.Tensor
    logit_scale: torch.Tensor
    logit_bias: torch.Tensor | None
    taxon_B: torch.Tensor
    taxonomy: Taxonomy | None
    gather: Callable[[torch.Tensor], torch.Tensor]

    @property
    def text_BD(self) -> torch.Tensor:  # noqa: N802 - a shape suffix
        """float32 [B, D], rows L2-normalised: each image's text, the first where several are drawn."""
        return self.text_TD[self.text_BK[:, 0]]


@dataclass(frozen=True, slots=True)
class StepEnd:
    """One optimiser step, just done.

    step: steps done since the run began, so the first is 1; a resumed run goes on counting. epoch: from 1.
    loss: of this step's batch. learning_rate: that this step used. logit_scale: after the step, exponentiated.
    images_per_second: over this step, waiting for data included. folder: the run's.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    logit_scale: float
    images_per_second: float
    folder: Path


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """One epoch, done and its checkpoint written. epoch: from 1. mean_loss: over all its steps. folder: the run's."""

    epoch: int
    mean_loss: float
    folder: Path
