"""A half-precision copy of a bank, for half the memory.

Products with images read the copy: float16, which rounds a cosine by some 1e-5. The best classes are then scored again with
the full bank, which stays on disk, memory-mapped; only their rows of it are read.

Legend: P prompts, D embedding.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bioclip_x.io.files import open_replacement
from bioclip_x.records import TextBank

CHUNK: Final = 8192
"""Rows that are rounded at a time."""


def add_half_precision(bank: TextBank, cache: Path | None) -> TextBank:
    """With `half_PD`, from `cache` (where it is kept beside the bank, memory-mapped) or, where that cannot be written, in
    memory."""
    file = cache / bank.key / "half.npy" if cache else None
    half_PD = _mapped(file, tuple(bank.embeddings_PD.shape)) if file else None
    if half_PD is None and file:
        with suppress(OSError):
            _write(bank.embeddings_PD, file)
        half_PD = _mapped(file, tuple(bank.embeddings_PD.shape))
    return replace(bank, half_PD=bank.embeddings_PD.half() if half_PD is None else half_PD)


def _write(embeddings_PD: torch.Tensor, file: Path) -> None:
    with open_replacement(file, "wb") as stream:
        header = {"descr": "<f2", "fortran_order": False, "shape": tuple(embeddings_PD.shape)}
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, len(embeddings_PD), CHUNK):
            stream.write(embeddings_PD[start : start + CHUNK].half().numpy().tobytes())


def _mapped(file: Path, shape: tuple[int, ...]) -> torch.Tensor | None:
    try:
        half_PD = np.lib.format.open_memmap(file, mode="c")  # "c": torch wants memory that it may write to
    except (OSError, ValueError):
        return None
    return torch.from_numpy(half_PD) if half_PD.shape == shape and half_PD.dtype == np.float16 else None
