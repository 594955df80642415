"""Sums of the leaves' logits over nested ranges, in chunks of leaves: the one primitive of the losses on trees.

The leaves below a node are a contiguous range, and those below its ancestors contain it. Such nested ranges divide the leaves
into shells: shell 0 is the innermost range, shell r what range r has more than range r - 1. Of each shell the log of the
summed exponentials is computed with a running maximum of its own, so that no class underflows beside a likelier one, and
no difference of sums cancels.

Memory is B × chunk, in the backward pass too, which computes the logits again: never B × C, never C × C.

Legend: B images, R ranges, C leaves, c leaves of a chunk, D embedding, L live leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Protocol

import torch
from torch.autograd.function import once_differentiable

CHUNK: Final = 1 << 22
"""Logits in memory at once; a pass has a few tensors of this size."""
LOWEST: Final = -1e30
"""The log-sum of an empty shell, since minus infinity has no gradient."""


class Group(Protocol):
    """The processes that have a part of the leaves each: `World`."""

    @property
    def size(self) -> int: ...

    def max(self, x: torch.Tensor) -> torch.Tensor: ...

    def sum(self, x: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class Leaves:
    """Linear classifiers of all leaves, or of this process's part of them: logits x·wᵀ + b.

    weight_CD: floating point of any precision, converted by chunks to that of the images. bias_C: None for none.
    first: the leaf of row 0. group: the processes that have the other rows; None if all are here.
    live_L, live_LD: int64 [L], distinct leaves, and the rows, with gradients, that replace theirs; None for none.
    """

    weight_CD: torch.Tensor
    bias_C: torch.Tensor | None = None
    first: int = 0
    group: Group | None = None
    live_L: torch.Tensor | None = None
    live_LD: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Shells:
    """log_sums_BR: log Σ exp over the logits of each shell, `LOWEST` for an empty one. sums_BR: Σ of the logits themselves.

    sizes_BR: int64, the number of leaves.
    """

    log_sums_BR: torch.Tensor
    sums_BR: torch.Tensor
    sizes_BR: torch.Tensor


def compute_shells(
    x_BD: torch.Tensor,
    leaves: Leaves,
    start_BR: torch.Tensor,
    stop_BR: torch.Tensor,
    *,
    with_sums: bool = False,
    chunk: int | None = None,
) -> Shells:
    """Sums the logits of the leaves over the shells of each image's nested ranges. Differentiable in x, weights and bias.

    With a group, all processes must give the same images. Their gradients of x and of live rows are then `group.size` times
    their own parts: the mean over processes, which gradients of parameters are brought to, is the whole.

    x_BD: float32 or float64. start_BR, stop_BR: int64, half-open ranges of leaves, innermost first, none empty; the last has
    all leaves. with_sums: without it, sums_BR is 0. chunk: leaves at a time.
    """
    log_sums_BR, sums_BR = _SumShells.apply(
        x_BD, leaves.weight_CD, leaves.bias_C, leaves.live_LD, leaves.live_L, start_BR, stop_BR,
        _Options(leaves.first, leaves.group, with_sums, chunk or max(256, CHUNK // max(1, len(x_BD)))),
    )  # fmt: skip
    length_BR = stop_BR - start_BR
    sizes_BR = torch.cat([length_BR[:, :1], length_BR[:, 1:] - length_BR[:, :-1]], dim=1)
    return Shells(log_sums_BR, sums_BR, sizes_BR)


@dataclass(frozen=True, slots=True)
class _Options:
    """first, group: see `Leaves`. chunk: leaves at a time."""

    first: int
    group: Group | None
    with_sums: bool
    chunk: int


@dataclass(frozen=True, eq=False)
class _Chunk:
    """A chunk of leaves. rows: their slice. rows_cD: their weights. shell_Bc: int16, each leaf's shell.

    live_l, live_c: int64, which live leaves are in the chunk, and where in it.
    """

    rows: slice
    rows_cD: torch.Tensor
    logits_Bc: torch.Tensor
    shell_Bc: torch.Tensor
    live_l: torch.Tensor
    live_c: torch.Tensor


def _iterate_chunks(
    x_BD: torch.Tensor, leaves: Leaves, start_BR: torch.Tensor, stop_BR: torch.Tensor, size: int
) -> Iterator[_Chunk]:
    live = _divide_live(leaves, size)
    for row, (live_l, live_c) in zip(range(0, len(leaves.weight_CD), size), live):
        rows = slice(row, min(row + size, len(leaves.weight_CD)))
        rows_cD = leaves.weight_CD[rows].to(x_BD.dtype)
        if leaves.live_LD is not None:
            rows_cD = rows_cD.index_copy(0, live_c, leaves.live_LD[live_l].to(x_BD.dtype))
        logits_Bc = x_BD @ rows_cD.T
        if leaves.bias_C is not None:
            logits_Bc += leaves.bias_C[rows].to(x_BD.dtype)
        leaf_c = torch.arange(rows.start, rows.stop, device=x_BD.device) + leaves.first
        shell_Bc = torch.zeros(logits_Bc.shape, dtype=torch.int16, device=x_BD.device)
        for start_B, stop_B in zip(start_BR.T, stop_BR.T):
            shell_Bc += (leaf_c < start_B[:, None]) | (leaf_c >= stop_B[:, None])
        yield _Chunk(rows, rows_cD, logits_Bc, shell_Bc, live_l, live_c)


def _divide_live(leaves: Leaves, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns for each chunk which live leaves it has, and where in it. One synchronisation with the device in all."""
    n_rows, device = len(leaves.weight_CD), leaves.weight_CD.device
    live_L = torch.empty(0, dtype=torch.int64, device=device) if leaves.live_L is None else leaves.live_L
    row_L, order_L = torch.sort(live_L - leaves.first)
    edges = torch.arange(0, n_rows + size, size, device=device).clamp_(max=n_rows)
    ends = torch.searchsorted(row_L, edges).tolist()
    parts = enumerate(pairwise(ends))
    return [(order_L[first:last], row_L[first:last] - number * size) for number, (first, last) in parts]


class _SumShells(torch.autograd.Function):
    """See `compute_shells`."""

    @staticmethod
    def forward(
        ctx: Any,
        x_BD: torch.Tensor,
        weight_CD: torch.Tensor,
        bias_C: torch.Tensor | None,
        live_LD: torch.Tensor | None,
        live_L: torch.Tensor | None,
        start_BR: torch.Tensor,
        stop_BR: torch.Tensor,
        options: _Options,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        leaves = Leaves(weight_CD, bias_C, options.first, options.group, live_L, live_LD)
        peak_BR = x_BD.new_full(start_BR.shape, -torch.inf)
        total_BR, sums_BR = torch.zeros_like(peak_BR), torch.zeros_like(peak_BR)
        for chunk in _iterate_chunks(x_BD, leaves, start_BR, stop_BR, options.chunk):
            logits_Bc, shell_Bc = chunk.logits_Bc, chunk.shell_Bc
            peaks = [logits_Bc.masked_fill(shell_Bc != r, -torch.inf).amax(dim=1) for r in range(peak_BR.shape[1])]
            higher_BR = torch.maximum(peak_BR, torch.stack(peaks, dim=1))
            shift_BR = higher_BR.masked_fill(higher_BR == -torch.inf, 0)
            share_Bc = (logits_Bc - shift_BR.gather(1, shell_Bc.long())).exp_()
            total_BR = total_BR * (peak_BR - shift_BR).exp() + _sum_by_shell(share_Bc, shell_Bc, peak_BR.shape[1])
            if options.with_sums:
                sums_BR += _sum_by_shell(logits_Bc, shell_Bc, peak_BR.shape[1])
            peak_BR = higher_BR
        log_sums_BR, sums_BR = _join(options.group, peak_BR, total_BR, sums_BR)
        ctx.save_for_backward(x_BD, weight_CD, bias_C, live_LD, live_L, start_BR, stop_BR, log_sums_BR)
        ctx.options = options
        return log_sums_BR, sums_BR

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dlog_BR: torch.Tensor, dsum_BR: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x_BD, weight_CD, bias_C, live_LD, live_L, start_BR, stop_BR, log_sums_BR = ctx.saved_tensors
        options: _Options = ctx.options
        leaves = Leaves(weight_CD, bias_C, options.first, options.group, live_L, live_LD)
        dx_BD, dweight_CD, dbias_C, dlive_LD = (
            torch.zeros_like(tensor) if needed else None
            for tensor, needed in zip((x_BD, weight_CD, bias_C, live_LD), ctx.needs_input_grad)
        )
        for chunk in _iterate_chunks(x_BD, leaves, start_BR, stop_BR, options.chunk):
            shell_Bc = chunk.shell_Bc.long()
            dlogits_Bc = (chunk.logits_Bc - log_sums_BR.gather(1, shell_Bc)).exp_()
            dlogits_Bc *= dlog_BR.gather(1, shell_Bc)
            if options.with_sums:
                dlogits_Bc += dsum_BR.gather(1, shell_Bc)
            if dx_BD is not None:
                dx_BD += dlogits_Bc @ chunk.rows_cD
            if dweight_CD is not None:
                dweight_CD[chunk.rows] = (dlogits_Bc.T @ x_BD).index_fill(0, chunk.live_c, 0).to(dweight_CD.dtype)
            if dbias_C is not None:
                dbias_C[chunk.rows] = dlogits_Bc.sum(dim=0).to(dbias_C.dtype)
            if dlive_LD is not None:
                dlive_LD[chunk.live_l] = (dlogits_Bc[:, chunk.live_c].T @ x_BD).to(dlive_LD.dtype)
        if options.group is not None:
            dx_BD, dlive_LD = (None if grad is None else grad * options.group.size for grad in (dx_BD, dlive_LD))
        return dx_BD, dweight_CD, dbias_C, dlive_LD, None, None, None, None


def _sum_by_shell(values_Bc: torch.Tensor, shell_Bc: torch.Tensor, n_shells: int) -> torch.Tensor:
    """Returns [B, n_shells]. One pass a shell, not `scatter_add`, whose order of summation varies on a GPU."""
    return torch.stack([values_Bc.masked_fill(shell_Bc != s, 0).sum(dim=1) for s in range(n_shells)], dim=1)


def _join(
    group: Group | None, peak_BR: torch.Tensor, total_BR: torch.Tensor, sums_BR: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns log-sums and sums over the leaves of all processes: first the maxima are compared, then sums are added up."""
    if group is not None:
        highest_BR = group.max(peak_BR)
        shift_BR = highest_BR.masked_fill(highest_BR == -torch.inf, 0)
        total_BR, peak_BR = group.sum(total_BR * (peak_BR - shift_BR).exp()), highest_BR
        sums_BR = group.sum(sums_BR)
    return (peak_BR + total_BR.log()).masked_fill(peak_BR == -torch.inf, LOWEST), sums_BR
