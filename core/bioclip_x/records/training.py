"""Inputs of training losses and training hooks.

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
    """The input of a loss: one batch.

    image_BD: float32 [B, D], rows L2-normalised. text_TD: float32 [T, D], rows L2-normalised, each text once.
    text_BK: int64 [B, K], the rows of `text_TD` that were drawn for each image.
    right_BT: bool [B, T], whether a text is correct for an image: one of the image's own or of its class, drawn or not.
    aspect_T: int64 [T], the aspect that each text describes (a bird's bill, say), equal for alternative texts, -1 for none.
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
        """float32 [B, D], rows L2-normalised: each image's text, the first if several are drawn."""
        return self.text_TD[self.text_BK[:, 0]]


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The end of one optimiser step.

    step: from 1, counted since the start of the run and continued by a resumed run. epoch: from 1.
    loss: of this step's batch. learning_rate: of this step. logit_scale: after the step, exponentiated.
    images_per_second: over this step, including the wait for data. folder: of the run.
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
    """The end of one epoch, after its checkpoint. epoch: from 1. mean_loss: over its steps. folder: of the run."""

    epoch: int
    mean_loss: float
    folder: Path
