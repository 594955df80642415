"""Computes the mean text of a bank: the baseline that explanations compare each prompt with.

CLIP's embeddings of images and of texts lie in two narrow cones (Liang et al., "Mind the Gap", NeurIPS 2022, arXiv
2203.02053): any text has a cosine of about 0.2 to 0.3 with any image. The mean text measures this common component.

Legend: P prompts, C classes, D embedding.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bioclip_x.caches import open_cache_file
from bioclip_x.records import TextBank

CHUNK: Final = 8192
"""Prompts summed at a time, since a bank may be larger than memory."""


def add_mean(bank: TextBank, cache: Path | None = None) -> TextBank:
    """Adds `mean_D` to the bank, read from `cache`, or computed and cached. A cache that cannot be written is no error."""
    file = cache / bank.key / "mean.npy" if cache and bank.key else None
    mean_D = _read(file, bank.embeddings_PD.shape[1]) if file else None
    if mean_D is None:
        mean_D = compute_mean_text(bank)
        if file:
            with suppress(OSError), open_cache_file(file) as stream:
                np.save(stream, mean_D.numpy(), allow_pickle=False)
    return replace(bank, mean_D=mean_D)


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


def _read(file: Path, dim: int) -> torch.Tensor | None:
    try:
        with file.open("rb") as stream:  # unlike np.load, never mistakes a damaged file for an archive
            mean_D = np.lib.format.read_array(stream, allow_pickle=False)
    except (OSError, ValueError):
        return None
    return torch.from_numpy(mean_D) if mean_D.shape == (dim,) and mean_D.dtype == np.float64 else None
