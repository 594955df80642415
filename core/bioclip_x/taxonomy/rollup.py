"""Sums over clades: the share of a taxon is the sum of the shares of the classes below it.

Classes come in parts and are gone again; what stays is a sum for each held node and the best classes. Within a part,
exponentials are float32 and relative to the part's largest; sums over the tree are float64 and relative to one reference
for each picture (an online logsumexp: Milakov & Gimelshein 2018, arXiv 1805.02867), so that a clade whose share underflows
float32 still has its log.

Legend: B images, C classes, c classes of a part, R runs, I held nodes, K best classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from bioclip_x.records.scores import Logits, Scores
from bioclip_x.taxonomy.compile import levels
from bioclip_x.taxonomy.tree import Taxonomy

RUN: Final = 32
"""Most classes that are summed in float32."""
SMALLEST: Final = 1e-30
"""Sums below it, relative to the largest in their part, are taken again in float64: float32 has lost what is below 1e-38."""
FAR: Final = 300.0
"""How much larger than its picture's reference a logit may be; exp of more overflows float64 after some 700."""

_LOWEST = torch.finfo(torch.float32).min


def roll_up(logits: Logits, taxonomy: Taxonomy, ranks: tuple[str, ...] = ()) -> Scores:
    """The softmax over all classes, summed up the tree: log-shares of the held nodes, and the best classes.

    Logits may be as far apart as float32 allows; -inf is a class that cannot be. What is held besides the parts is
    float64 [I, B].
    """
    plan = plan_for(taxonomy)
    sums_IB = torch.zeros(len(taxonomy.held_nodes), logits.n_images, dtype=torch.float64)
    reference_B = torch.full((logits.n_images,), -torch.inf, dtype=torch.float64)
    best = BestClasses(min(logits.k, logits.n_classes), logits.n_images)
    for start, logits_cB in logits.chunks():
        peak_B = logits_cB.amax(0)
        best.offer(start, logits_cB, peak_B)
        peak_B = peak_B.clamp_min_(_LOWEST)  # -inf - -inf would be nan
        first, run_c = plan.runs(start, start + len(logits_cB))
        sums_RB = _run_sums(logits_cB, peak_B, run_c)
        reference_B = _moved_reference(reference_B, peak_B.double(), sums_IB)
        sums_RB *= torch.exp(peak_B.double() - reference_B)
        sums_IB.index_add_(0, plan.place_R[first : first + len(sums_RB)], sums_RB)
    for places, parents in plan.upwards:
        sums_IB.index_add_(0, parents, sums_IB[places])
    log_total_B = reference_B + sums_IB[0].log()
    top_BK, log_top_BK = best.sorted() if logits.exact is None else _refined(logits.exact, *best.sorted())
    return Scores(_log_shares(sums_IB).T, top_BK, (log_top_BK - log_total_B[:, None]).float(), ranks)


@dataclass(frozen=True, eq=False)
class Plan:
    """Where classes go. Classes in order fall into runs of at most `RUN` with the same nearest held node.

    run_C: int64 [C], ascending. place_R: int64 [R], the place of each run's node among the held ones.
    upwards: (places, places of their parents), from the deepest level up.
    """

    run_C: torch.Tensor
    place_R: torch.Tensor
    upwards: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    def runs(self, start: int, stop: int) -> tuple[int, torch.Tensor]:
        """The first run of classes start … stop-1, and each class's run from there: int64 [c]."""
        first = int(self.run_C[start])
        return first, self.run_C[start:stop] - first


def plan_for(taxonomy: Taxonomy) -> Plan:
    """The taxonomy's plan, made once."""
    found: Plan | None = taxonomy.__dict__.get("_rollup_plan")
    if found is None:
        found = taxonomy.__dict__["_rollup_plan"] = _made_plan(taxonomy)
    return found


def _made_plan(taxonomy: Taxonomy) -> Plan:
    leaves_C = taxonomy.leaf_node_C.astype(np.int64)
    own_C = taxonomy.place_N[leaves_C]
    place_C = np.where(own_C >= 0, own_C, taxonomy.place_N[taxonomy.parent_N[leaves_C]])
    breaks = np.flatnonzero(np.diff(place_C)) + 1
    starts = np.concatenate([[0], breaks])
    within = np.arange(len(place_C)) - np.repeat(starts, np.diff([*starts, len(place_C)]))
    is_first = within % RUN == 0
    held = taxonomy.held_nodes
    parent_I = taxonomy.place_N[taxonomy.parent_N[held]]
    parent_I[0] = -1
    upwards = [(level, parent_I[level]) for level in reversed(levels(parent_I)[1:])]
    return Plan(
        run_C=torch.from_numpy(np.cumsum(is_first) - 1),
        place_R=torch.from_numpy(place_C[is_first]),
        upwards=tuple((torch.from_numpy(places), torch.from_numpy(parents)) for places, parents in upwards),
    )


def _run_sums(logits_cB: torch.Tensor, peak_B: torch.Tensor, run_c: torch.Tensor) -> torch.Tensor:
    """Σ exp(logit - peak) of each run, float64 [R, B]."""
    shape = (int(run_c[-1]) + 1, logits_cB.shape[1])
    exps_cB = (logits_cB - peak_B).exp_()
    sums_RB = torch.zeros(shape).index_add_(0, run_c, exps_cB)
    if float(sums_RB.min()) >= SMALLEST:
        return sums_RB.double()
    exact_cB = (logits_cB.double() - peak_B.double()).exp_()
    return torch.zeros(shape, dtype=torch.float64).index_add_(0, run_c, exact_cB)


def _moved_reference(reference_B: torch.Tensor, peak_B: torch.Tensor, sums_IB: torch.Tensor) -> torch.Tensor:
    """The first part's peak, and a later one where that lies far above; `sums_IB` is then rescaled."""
    if not bool((peak_B > reference_B + FAR).any()):
        return reference_B
    moved_B = torch.where(peak_B > reference_B + FAR, peak_B, reference_B)
    sums_IB *= torch.exp(reference_B - moved_B)
    return moved_B


def _log_shares(sums_IB: torch.Tensor) -> torch.Tensor:
    """log(sum / root's sum), float32 [I, B]. Logs are taken in float32 where that can hold the share."""
    sums_IB *= sums_IB[0].reciprocal()
    shares_IB = sums_IB.float()
    is_small = shares_IB < SMALLEST
    logs_IB = shares_IB.log_()
    if bool(is_small.any()):
        logs_IB[is_small] = sums_IB[is_small].log().float()
    return logs_IB


def _refined(
    exact: Callable[[int, int], torch.Tensor], classes_BK: torch.Tensor, values_BK: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same classes by their exact logits, best first."""
    for class_index in np.unique(classes_BK.numpy()).tolist():
        rows, places = torch.nonzero(classes_BK == class_index, as_tuple=True)
        values_BK[rows, places] = exact(class_index, class_index + 1)[0, rows].double()
    values_BK, order_BK = values_BK.sort(dim=1, descending=True, stable=True)
    return classes_BK.gather(1, order_BK), values_BK


class BestClasses:
    """The K best classes of each picture, from parts."""

    def __init__(self, k: int, n_images: int) -> None:
        self._k = k
        self._values_BK = torch.full((n_images, k), -torch.inf)
        self._classes_BK = torch.zeros(n_images, k, dtype=torch.int64)
        self._is_empty = True

    def offer(self, start: int, logits_cB: torch.Tensor, peak_B: torch.Tensor) -> None:
        """logits_cB: float32 [c, B] of classes from `start` on. peak_B: their largest."""
        # A part whose largest is no better than the worst kept has nothing: few have, once some have been seen.
        open_B = torch.arange(len(peak_B)) if self._is_empty else torch.nonzero(peak_B > self._values_BK[:, -1])[:, 0]
        self._is_empty = False
        if not len(open_B):
            return
        found = logits_cB.T[open_B].topk(min(self._k, len(logits_cB)), dim=1)
        values = torch.cat([self._values_BK[open_B], found.values], dim=1)
        classes = torch.cat([self._classes_BK[open_B], found.indices + start], dim=1)
        kept = values.topk(self._k, dim=1)
        self._values_BK[open_B] = kept.values
        self._classes_BK[open_B] = classes.gather(1, kept.indices)

    def sorted(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Classes, int64 [B, K], and their logits, float64 [B, K], best first."""
        return self._classes_BK, self._values_BK.double()
