"""Selects some classes of a bank, and appends others to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import overload

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
        key=hashlib.sha256(bank.key.encode() + rows.tobytes()).hexdigest()[:32],
    )


class ChainedPrompts(Sequence[Prompt]):
    """The prompts of two banks, one after the other; the first may be a million that are created on access."""

    def __init__(self, first: Sequence[Prompt], second: Sequence[Prompt]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    @overload
    def __getitem__(self, place: int) -> Prompt: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Prompt, ...]: ...
    def __getitem__(self, place: int | slice) -> Prompt | tuple[Prompt, ...]:
        if isinstance(place, slice):
            return tuple(self[p] for p in range(*place.indices(len(self))))
        if place < 0:
            place += len(self)
        return self._first[place] if place < len(self._first) else self._second[place - len(self._first)]


def append_bank(bank: TextBank, other: TextBank) -> TextBank:
    """Appends the prompts of further classes, in memory.

    other: of the same model; its owners are numbered after those of `bank`.
    """
    halves = None if bank.half_PD is None or other.half_PD is None else torch.cat([bank.half_PD, other.half_PD])
    return replace(
        bank,
        prompts=ChainedPrompts(bank.prompts, other.prompts),
        embeddings_PD=torch.cat([bank.embeddings_PD, other.embeddings_PD]),
        mean_D=None,
        half_PD=halves,
        owner_P=np.concatenate([bank.owner_P, other.owner_P]),
        weight_P=np.concatenate([bank.weight_P, other.weight_P]),
        n_classes=other.n_classes,
        key=hashlib.sha256(f"{bank.key} {other.key}".encode()).hexdigest()[:32],
        truncated=bank.truncated + other.truncated,
    )
