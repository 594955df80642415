"""Sums over clades: the probability of a taxon is the sum of the probabilities of the classes below it.

Logits are read in parts and not kept; only the best classes, and one sum of exponentials per run of at most `RUN` classes,
relative to a reference per image, are stored (an online logsumexp: Milakov & Gimelshein 2018, arXiv 1805.02867). A
reference is raised when a part is far above it; earlier sums are rescaled to the last reference once, at the end. Sums up
the tree also have at most `RUN` terms each, which limits rounding errors in float32. If float32 cannot represent a
probability (below 1e-38), everything is recomputed in float64, so that a clade whose probability underflows still has a
log-probability.

Legend: B images, C classes, c classes of a part, R runs, r runs of a part, I held nodes, K best classes, S sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.records.scores import BEST, Logits, Scores
from bioclip_x.taxonomy.levels import split_into_levels
from bioclip_x.taxonomy.tree import Taxonomy

RUN: Final = 32
"""Most terms in one sum."""
SMALLEST: Final = 1e-30
"""Smallest sum in float32, relative to its image's reference."""
BLOCK: Final = 256
"""Rows per block when selecting the largest of many by the maxima of blocks."""
FAR: Final = {torch.float32: 4.0, torch.float64: 300.0}
"""How much a logit may exceed its image's reference.

The relative error of a probability is the rounding error of its logit's difference to the reference: in float32 at most
2^-23 for differences up to 4, 2^-19 up to 64.
"""

_LOWEST = torch.finfo(torch.float32).min


def roll_up(logits: Logits, taxonomy: Taxonomy, ranks: tuple[str, ...] = (), *, n_best: int = BEST) -> Scores:
    """Computes the softmax over all classes, summed up the tree: log-probabilities of the held nodes, and best classes.

    Logits may be as far apart as float32 allows; -inf excludes a class. ranks: for `Scores.ranks`. n_best: number of best
    classes to return.
    """
    plan = get_plan(taxonomy)
    k = min(n_best, logits.n_classes)
    run_sums = _sum_runs(logits, plan, k, torch.float32) or _sum_runs(logits, plan, k, torch.float64)
    assert run_sums is not None
    sums_SB, reference_B, best = run_sums
    for step in plan.steps:
        stop = step.start + len(step.offsets)
        sums_SB[step.start : stop] = _bag_sums(sums_SB[: step.start], step.rows, step.offsets)
    root_B = sums_SB[plan.row_I[0]]
    log_total_B = reference_B.double() + root_B.double().log()
    top_BK, log_top_BK = best.get_sorted()
    if logits.exact is not None:
        top_BK, log_top_BK = _refine(logits.exact, top_BK, log_top_BK)
    log_probs_IB = _compute_log_probs(sums_SB.index_select(0, plan.row_I))
    return Scores(log_probs_IB.T, top_BK, (log_top_BK - log_total_B[:, None]).float(), ranks)


@dataclass(frozen=True, eq=False)
class Step:
    """Sums of earlier sums: `rows`, split at `offsets`, are summed into the rows from `start` on."""

    rows: torch.Tensor
    offsets: torch.Tensor
    start: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The sums to compute. The first R are of runs: at most `RUN` consecutive classes with the same nearest held node.

    run_C: int64 [C], the run of each class, ascending. run_start_R: int64 [R], the first class of each run. steps: all other
    sums, in order. n_sums: S, of runs and steps. row_I: int64 [I], the row of each held node's sum.
    """

    run_C: torch.Tensor
    run_start_R: torch.Tensor
    steps: tuple[Step, ...]
    n_sums: int
    row_I: torch.Tensor


def get_plan(taxonomy: Taxonomy) -> Plan:
    """Returns the taxonomy's plan, which is computed once."""
    plan: Plan | None = taxonomy.__dict__.get("_rollup_plan")
    if plan is None:
        plan = taxonomy.__dict__["_rollup_plan"] = _make_plan(taxonomy)
    return plan


def _make_plan(taxonomy: Taxonomy) -> Plan:
    leaves_C = taxonomy.leaf_node_C.astype(np.int64)
    own_C = taxonomy.place_N[leaves_C]
    place_C = np.where(own_C >= 0, own_C, taxonomy.place_N[taxonomy.parent_N[leaves_C]])
    is_first = _find_starts(place_C)
    place_R = place_C[is_first]
    held = taxonomy.held_nodes
    parent_I = taxonomy.place_N[taxonomy.parent_N[held]]
    parent_I[0] = -1
    by_level = split_into_levels(parent_I)
    depth_I = np.empty(len(held), np.int64)
    for depth, places in enumerate(by_level):
        depth_I[places] = depth
    runs_by_level = np.split(np.argsort(depth_I[place_R], kind="stable"), _find_ends(depth_I[place_R], len(by_level)))
    row_I = np.full(len(held), -1, np.int64)
    steps: list[Step] = []
    n_sums, below = len(place_R), np.empty(0, np.int64)
    for places, runs in zip(reversed(by_level), reversed(runs_by_level)):
        owner = np.concatenate([place_R[runs], parent_I[below]])
        rows = np.concatenate([runs, row_I[below]])
        order = np.argsort(owner, kind="stable")
        owner, rows = owner[order], rows[order]
        while len(owner):
            distinct, first, count = np.unique(owner, return_index=True, return_counts=True)
            is_single = count == 1  # a single sum needs no further step
            row_I[distinct[is_single]] = rows[first[is_single]]
            several = np.repeat(~is_single, count)
            owner, rows = owner[several], rows[several]
            starts = np.flatnonzero(_find_starts(owner)) if len(owner) else first[:0]
            if len(starts):
                steps.append(Step(torch.from_numpy(rows), torch.from_numpy(starts), n_sums))
            owner, rows = owner[starts], n_sums + np.arange(len(starts))
            n_sums += len(starts)
        below = places
    return Plan(
        run_C=torch.from_numpy(np.cumsum(is_first) - 1),
        run_start_R=torch.from_numpy(np.flatnonzero(is_first)),
        steps=tuple(steps),
        n_sums=n_sums,
        row_I=torch.from_numpy(row_I),
    )


def _find_starts(owner: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Returns where a new sum begins: at each change of owner, and after every `RUN` terms of one owner."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(owner)) + 1])
    within = np.arange(len(owner)) - np.repeat(starts, np.diff([*starts, len(owner)]))
    begins: npt.NDArray[np.bool_] = within % RUN == 0
    return begins


def _find_ends(depth: npt.NDArray[np.int64], n_levels: int) -> npt.NDArray[np.int64]:
    return np.cumsum(np.bincount(depth, minlength=n_levels))[:-1]


def _sum_runs(
    logits: Logits, plan: Plan, k: int, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, BestClasses] | None:
    """Computes the sums of the runs, [S, B] with the other rows still empty; the references, [B]; and the best classes.

    Returns None if float32 cannot represent a sum.
    """
    sums_SB = torch.empty(plan.n_sums, logits.n_images, dtype=dtype)
    done = 0  # runs so far; the last may be incomplete
    reference_B = torch.full((logits.n_images,), -torch.inf, dtype=dtype)
    least_B = torch.full_like(reference_B, torch.inf)  # the smallest sum relative to that reference
    # Former references: (end of their runs, reference_B, least_B).
    earlier: list[tuple[int, torch.Tensor, torch.Tensor]] = []
    best = BestClasses(k, logits.n_images)
    for start, logits_cB in logits.chunks():
        stop = start + len(logits_cB)
        peak_B = logits_cB.amax(0)
        best.update(start, logits_cB, peak_B)
        peak_B = peak_B.clamp_min_(_LOWEST).to(dtype)  # -inf - -inf would be nan
        first, last = int(plan.run_C[start]), int(plan.run_C[stop - 1]) + 1
        is_far_B = peak_B > reference_B + FAR[dtype]
        if bool(is_far_B.any()):
            old_reference_B, reference_B = reference_B, torch.where(is_far_B, peak_B, reference_B)
            earlier.append((first, old_reference_B, least_B))
            least_B = torch.full_like(reference_B, torch.inf)
            continued_SB = sums_SB[first:done]  # an incomplete run that continues in this part
            if first < done and not _rescale(continued_SB, old_reference_B, reference_B, continued_SB[0]):
                return None
        exps_cB = logits_cB.to(dtype).sub_(reference_B).exp_()
        offsets = (plan.run_start_R[first:last] - start).clamp_min_(
            0
        )  # the first run may have begun in the previous part
        sums_rB = _bag_sums(exps_cB, torch.arange(stop - start), offsets)
        if dtype == torch.float32:
            least_here_B = sums_rB.amin(0)
            if float(least_here_B.min()) < SMALLEST and _is_lost(logits, start, stop, reference_B):
                return None
            least_B = torch.minimum(least_B, least_here_B)
        if first < done:
            sums_rB[0] += sums_SB[first]
        sums_SB[first:last] = sums_rB
        done = last
    begin = 0
    for end, old_reference_B, least_B in earlier:
        if begin < end and not _rescale(sums_SB[begin:end], old_reference_B, reference_B, least_B):
            return None
        begin = end
    return sums_SB, reference_B, best


def _rescale(sums_SB: torch.Tensor, from_B: torch.Tensor, to_B: torch.Tensor, least_B: torch.Tensor) -> bool:
    """Rescales sums to another reference in place; returns False if float32 cannot represent one of the results.

    least_B: a lower bound of each image's sums.
    """
    by_B = torch.exp(from_B.double() - to_B.double()).to(sums_SB.dtype)
    may_lose = sums_SB.dtype == torch.float32 and bool((least_B * by_B < SMALLEST).any())
    if may_lose and bool(((sums_SB > 0) & (sums_SB * by_B < SMALLEST)).any()):
        return False
    sums_SB *= by_B
    return True


def _compute_log_probs(sums_IB: torch.Tensor) -> torch.Tensor:
    """Computes log(sum / root's sum), float32 [I, B]."""
    probs_IB = torch.div(sums_IB, sums_IB[0]).float()
    is_small = probs_IB < SMALLEST
    logs_IB = probs_IB.log_()
    if bool(is_small.any()):
        exact_IB = sums_IB.double().log() - sums_IB[0].double().log()
        logs_IB[is_small] = exact_IB[is_small].float()
    return logs_IB


def _is_lost(logits: Logits, start: int, stop: int, reference_B: torch.Tensor) -> bool:
    """Whether a class that is not excluded is too small for a sum in float32."""
    return bool(
        ((logits.part(start, stop) < reference_B + np.log(SMALLEST)) & logits.part(start, stop).isfinite()).any()
    )


def _bag_sums(values_nB: torch.Tensor, rows: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Sums each segment of `values_nB[rows]`, split at `offsets`. Takes a third of the time of `index_add_`."""
    return torch.nn.functional.embedding_bag(rows, values_nB, offsets, mode="sum")


def _refine(
    exact: Callable[[int, int], torch.Tensor], classes_BK: torch.Tensor, values_BK: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the classes sorted by their exact logits, and these logits, best first."""
    for class_index in np.unique(classes_BK.numpy()).tolist():
        rows, columns = torch.nonzero(classes_BK == class_index, as_tuple=True)
        values_BK[rows, columns] = exact(class_index, class_index + 1)[0, rows].double()
    values_BK, order_BK = values_BK.sort(dim=1, descending=True, stable=True)
    return classes_BK.gather(1, order_BK), values_BK


class BestClasses:
    """The K best classes of each image, updated part by part."""

    def __init__(self, k: int, n_images: int) -> None:
        self._k = k
        self._values_BK = torch.full((n_images, k), -torch.inf)
        self._classes_BK = torch.zeros(n_images, k, dtype=torch.int64)
        self._is_empty = True

    def update(self, start: int, logits_cB: torch.Tensor, peak_B: torch.Tensor) -> None:
        """Adds a part. logits_cB: float32 [c, B] of classes from `start` on. peak_B: their maxima."""
        # Images whose maximum is not above their K-th best value can be skipped: after some parts, most of them.
        images = torch.arange(len(peak_B)) if self._is_empty else torch.nonzero(peak_B > self._values_BK[:, -1])[:, 0]
        self._is_empty = False
        if not len(images):
            return
        top = logits_cB.T[images].topk(min(self._k, len(logits_cB)), dim=1)
        values = torch.cat([self._values_BK[images], top.values], dim=1)
        classes = torch.cat([self._classes_BK[images], top.indices + start], dim=1)
        kept = values.topk(self._k, dim=1)
        self._values_BK[images] = kept.values
        self._classes_BK[images] = classes.gather(1, kept.indices)

    def get_sorted(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the classes, int64 [B, K], and their logits, float64 [B, K], best first."""
        return self._classes_BK, self._values_BK.double()


def select_top_rows(values_nB: torch.Tensor, k: int) -> torch.Tensor:
    """Returns the rows of the k largest values of each column, largest first: int64 [B, k].

    With many rows, only the k blocks with the largest maxima are searched, which contain the k largest values.
    """
    n_blocks = len(values_nB) // BLOCK
    if n_blocks <= 2 * k:
        return values_nB.T.topk(k, dim=1).indices
    whole = n_blocks * BLOCK
    peaks_BM = values_nB[:whole].view(n_blocks, BLOCK, -1).amax(1).T
    blocks_BK = peaks_BM.topk(k, dim=1).indices
    rows_BM = (blocks_BK[:, :, None] * BLOCK + torch.arange(BLOCK)).flatten(1)
    rest = torch.arange(whole, len(values_nB)).expand(len(rows_BM), -1)
    rows_BM = torch.cat([rows_BM, rest], dim=1)
    top = values_nB.T.gather(1, rows_BM).topk(k, dim=1).indices
    return rows_BM.gather(1, top)
