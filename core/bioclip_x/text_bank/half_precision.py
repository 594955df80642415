"""Adds a half-precision copy to a bank, which takes half the memory.

Products with images use the float16 copy, with rounding errors of about 1e-5 per cosine. The best classes are then scored
again with the full bank, which is memory-mapped, so that only their rows are read.

Legend: P prompts, D embedding.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bioclip_x.io.replacement import open_replacement
from bioclip_x.records import TextBank

CHUNK: Final = 8192
"""Rows rounded at a time."""


def add_half_precision(bank: TextBank, cache: Path | None) -> TextBank:
    """Adds `half_PD`, memory-mapped from `cache` (written there if missing), or in memory if that fails."""
    file = cache / bank.key / "half.npy" if cache else None
    half_PD = _open_mapped(file, tuple(bank.embeddings_PD.shape)) if file else None
    if half_PD is None and file:
        with suppress(OSError):
            _write(bank.embeddings_PD, file)
        half_PD = _open_mapped(file, tuple(bank.embeddings_PD.shape))
    return replace(bank, half_PD=bank.embeddings_PD.half() if half_PD is None else half_PD)


def _write(embeddings_PD: torch.Tensor, file: Path) -> None:
    with open_replacement(file, "wb") as stream:
        header = {"descr": "<f2", "fortran_order": False, "shape": tuple(embeddings_PD.shape)}
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, len(embeddings_PD), CHUNK):
            stream.write(embeddings_PD[start : start + CHUNK].half().numpy().tobytes())


def _open_mapped(file: Path, shape: tuple[int, ...]) -> torch.Tensor | None:
    try:
        half_PD = np.lib.format.open_memmap(file, mode="c")  # copy-on-write, since torch needs writable memory
    except (OSError, ValueError):
        return None
    return torch.from_numpy(half_PD) if half_PD.shape == shape and half_PD.dtype == np.float16 else None
