"""Adds a half-precision copy to a bank, which takes half the memory.

Products with images use the float16 copy, with rounding errors of about 1e-5 per cosine. The best classes are then scored
again with the full bank, which is memory-mapped, so that only their rows are read. Banks of up to `LARGE` prompts have no
such copy: in float32 they take 400 MB at most (D = 768), and all shares are exact.

Legend: P prompts, D embedding.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.caches import load_or_fill
from bioclip_x.records import TextBank

LARGE: Final = 1 << 17
"""Banks with more prompts than this have a half-precision copy."""
CHUNK: Final = 8192
"""Rows rounded at a time."""


def add_half_precision(bank: TextBank, cache: Path | None) -> TextBank:
    """Adds `half_PD`, memory-mapped from `cache` (written there if missing), or in memory if that fails."""
    file = cache / bank.key / "half.npy" if cache else None
    half_PD = load_or_fill(file, tuple(bank.embeddings_PD.shape), np.float16, partial(_round, bank.embeddings_PD))
    return replace(bank, half_PD=torch.from_numpy(half_PD))


def drop_needless_half(bank: TextBank) -> TextBank:
    """Returns a bank without the copy if it has at most `LARGE` prompts, as a part of a larger bank may have."""
    return bank if len(bank.owner_P) > LARGE else replace(bank, half_PD=None)


def _round(embeddings_PD: torch.Tensor, into_PD: npt.NDArray[np.float16]) -> None:
    for start in range(0, len(embeddings_PD), CHUNK):
        into_PD[start : start + CHUNK] = embeddings_PD[start : start + CHUNK].half().numpy()
