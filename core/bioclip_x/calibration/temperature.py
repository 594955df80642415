"""Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, section 4.2).

One number T > 0 divides all logits z, so that the share of class c is softmax(z / T)_c; the order of classes stays. With
β = 1/T the mean negative log-likelihood of the true classes y,

    NLL(β) = mean over images of  log Σ_c exp(β z_c) - β z_y,

is convex, with the derivatives  mean(E[z] - z_y)  and  mean(Var[z])  under softmax(β z). Each takes one pass over the streamed
classes, so a list of a million is never held for all images.

Legend: B images, C classes, c classes of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch

from bioclip_x.evaluation.labelled_logits import LabelledLogits, TopLogits, find_top_logits
from bioclip_x.records import Logits

COLDEST: Final = 0.01
HOTTEST: Final = 100.0
"""The temperatures looked at. CLIP's own logits are of the order of 100; whoever needs more has no finite best."""
NEGLIGIBLE: Final = -1e6
"""So far below the largest logit a class has no share at any of these temperatures; stands in for -inf, since 0 · inf is nan."""


@dataclass(frozen=True, slots=True)
class FittedTemperature:
    """temperature: the best of those looked at. bound: whether it lies at an end, that is, has no finite best:

    "coldest" where every image is right (ever surer is ever better), "hottest" where the logits know less than nothing.
    """

    temperature: float
    bound: Literal["", "coldest", "hottest"] = ""


def compute_moments(
    logits: Logits, top_B: torch.Tensor, beta: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """log Σ exp(β(z - top)), mean and variance of z - top under softmax(β z): float64 [B] each. One pass.

    top_B: float64 [B], the largest logit of each image.
    """
    sums_3B = torch.zeros(3, logits.n_images, dtype=torch.float64)
    for _, logits_cB in logits.chunks():
        below_cB = (logits_cB - top_B).clamp_min(NEGLIGIBLE)  # float64, since top_B is
        weight_cB = torch.exp(beta * below_cB)
        for power in range(3):
            sums_3B[power] += weight_cB.sum(0)
            weight_cB.mul_(below_cB)
    total_B, first_B, second_B = sums_3B
    mean_B = first_B / total_B
    return total_B.log(), mean_B, (second_B / total_B - mean_B**2).clamp_min(0)


def log_probabilities(logits: Logits, of: TopLogits, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The natural logs of the best class's share and of the true class's (nan for none), float64 [B] each. One pass."""
    log_sum_B, _, _ = compute_moments(logits, of.top_B, 1 / temperature)
    return -log_sum_B, (of.true_B - of.top_B) / temperature - log_sum_B


def fit_temperature(parts: Sequence[LabelledLogits]) -> FittedTemperature:
    """The temperature of least negative log-likelihood, by safeguarded Newton steps; some ten passes over the classes.

    Images of no class, and those whose true class has no logit (-inf), have no part in it. With none left, ValueError.
    """
    of = [find_top_logits(part) for part in parts]
    keep = [torch.isfinite(one.true_B) for one in of]
    n = sum(int(mask.sum()) for mask in keep)
    if not n:
        raise ValueError("expected at least one image whose true class has a logit")

    def slope(beta: float) -> tuple[float, float]:
        """First and second derivative of the NLL."""
        first, second = 0.0, 0.0
        for part, one, mask in zip(parts, of, keep):
            _, mean_B, variance_B = compute_moments(part.logits, one.top_B, beta)
            first += float((mean_B - (one.true_B - one.top_B))[mask].sum())
            second += float(variance_B[mask].sum())
        return first / n, second / n

    low, high = 1 / HOTTEST, 1 / COLDEST
    if all(bool(one.right_B[mask].all()) for one, mask in zip(of, keep)):
        return FittedTemperature(COLDEST, "coldest")
    if slope(low)[0] >= 0:
        return FittedTemperature(HOTTEST, "hottest")
    beta = 1.0
    for _ in range(100):
        first, second = slope(beta)
        low, high = (beta, high) if first < 0 else (low, beta)
        newton = beta - first / second if second > 0 else math.inf
        after = newton if low < newton < high else math.sqrt(low * high)
        if abs(after - beta) <= 1e-7 * beta:
            break
        beta = after
    return FittedTemperature(1 / beta, "coldest" if beta > 0.999 / COLDEST else "")
