"""Selects some classes of a bank."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.records import Prompt, TextBank


def select_bank_classes(
    bank: TextBank, classes: npt.NDArray[np.int32], prompts: Callable[[npt.NDArray[np.int64]], Sequence[Prompt]]
) -> TextBank:
    """Returns the bank of some classes, renumbered from 0. A clade is a slice of the bank and takes no memory.

    classes: int32 [C'], distinct. prompts: makes the prompts of the given owners, int64 [P'] in the new numbering.
    """
    new_C = np.full(bank.n_classes, -1, np.int64)
    new_C[classes] = np.arange(len(classes))
    rows = np.flatnonzero(new_C[bank.owner_P] >= 0)
    rows = rows[np.argsort(new_C[bank.owner_P[rows]], kind="stable")]
    is_contiguous = bool((np.diff(rows) == 1).all())
    chosen = slice(int(rows[0]), int(rows[-1]) + 1) if is_contiguous else torch.from_numpy(rows)
    owner_P = new_C[bank.owner_P[rows]]
    return replace(
        bank,
        prompts=prompts(owner_P),
        embeddings_PD=bank.embeddings_PD[chosen],
        mean_D=None,
        half_PD=None if bank.half_PD is None else bank.half_PD[chosen],
        owner_P=owner_P,
        weight_P=bank.weight_P[rows],
        n_classes=len(classes),
        key=_hash_part(bank.key, rows),
        content=_hash_part(bank.content or bank.key, rows),
    )


def _hash_part(key: str, rows: npt.NDArray[np.int64]) -> str:
    return hashlib.sha256(key.encode() + rows.tobytes()).hexdigest()[:32]
