"""Scores of classes and, after a head, of every node of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Logits:
    """logits_BC: float32 [B, C], unnormalised class scores in the taxonomy's leaf order, logit scale applied."""

    logits_BC: torch.Tensor


@dataclass(frozen=True, slots=True)
class Scores:
    """What a head decided.

    log_probs_BN: float32 [B, N], natural log of each node's share among the listed classes. The root's is 0 (up to
        rounding); at every rank in the taxonomy's `rank_tables`, a row's shares sum to 1.
    ranks: the ranks at which the head reports a winner of its own, top down; empty for a head that reports classes only.
    """

    log_probs_BN: torch.Tensor
    ranks: tuple[str, ...] = ()
