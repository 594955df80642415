"""What a training loss is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from bioclip_x.taxonomy.tree import Taxonomy


@dataclass(frozen=True, slots=True)
class LossInput:
    """One batch as losses see it.

    image_BD, text_BD: float32 [B, D], rows L2-normalised, row i of one belongs to row i of the other.
    logit_scale: scalar tensor, already exponentiated; gradients flow. logit_bias: scalar tensor or None.
    taxon_B: int64 [B], the class of each picture, -1 where a picture has a text but no taxon.
    text_B: int64 [B], equal where two rows have the same text.
    taxonomy: the tree that taxon_B indexes. gather: joins a tensor over processes along dim 0, gradients included;
        the identity in a single process.
    """

    image_BD: torch.Tensor
    text_BD: torch.Tensor
    logit_scale: torch.Tensor
    logit_bias: torch.Tensor | None
    taxon_B: torch.Tensor
    text_B: torch.Tensor
    taxonomy: Taxonomy | None
    gather: Callable[[torch.Tensor], torch.Tensor]
