"""Computes the mean text of a bank: the baseline that explanations compare each prompt with.

CLIP's embeddings of images and of texts lie in two narrow cones (Liang et al., "Mind the Gap", NeurIPS 2022, arXiv
2203.02053): any text has a cosine of about 0.2 to 0.3 with any image. The mean text measures this common component.

Legend: P prompts, C classes, D embedding.
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

CHUNK: Final = 8192
"""Prompts summed at a time, since a bank may be larger than memory."""


def add_mean(bank: TextBank, cache: Path | None = None) -> TextBank:
    """Adds `mean_D` to the bank, read from `cache`, or computed and cached. A cache that cannot be written is no error."""
    file = cache / bank.key / "mean.npy" if cache and bank.key else None
    mean_D = load_or_fill(file, (bank.embeddings_PD.shape[1],), np.float64, partial(_fill_mean, bank))
    return replace(bank, mean_D=torch.from_numpy(np.array(mean_D)))  # in memory, not mapped


def _fill_mean(bank: TextBank, into_D: npt.NDArray[np.float64]) -> None:
    into_D[:] = compute_mean_text(bank).numpy()


def compute_mean_text(bank: TextBank) -> torch.Tensor:
    """Computes m̄ = 1/C Σ_c Σ_{p of c} w_p t_p / Σ_{p of c} w_p over all classes, not re-normalised: float64 [D]."""
    weight_P = torch.from_numpy(bank.weight_P).double()
    owner_P = torch.from_numpy(bank.owner_P)
    total_C = torch.zeros(bank.n_classes, dtype=torch.float64).index_add_(0, owner_P, weight_P)
    factor_P = weight_P / total_C[owner_P] / bank.n_classes
    mean_D = torch.zeros(bank.embeddings_PD.shape[1], dtype=torch.float64)
    for start in range(0, len(factor_P), CHUNK):
        mean_D += factor_P[start : start + CHUNK] @ bank.embeddings_PD[start : start + CHUNK].double()
    return mean_D
