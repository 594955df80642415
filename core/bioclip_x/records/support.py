"""Labelled images that classes are recognised by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class SupportImages:
    """Embedded examples of classes.

    embeddings_nD: float32 [n, D], rows of unit length. class_n: int64 [n], 0 … C-1. names: in outputs, such as paths.
    """

    embeddings_nD: torch.Tensor
    class_n: np.ndarray
    names: tuple[str, ...]
