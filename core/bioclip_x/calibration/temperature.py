"""Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, section 4.2).

One number T > 0 divides all logits z: the probability of class c is softmax(z / T)_c, and the order of classes is unchanged.
With β = 1/T the mean negative log-likelihood of the true classes y,

    NLL(β) = mean over images of  log Σ_c exp(β z_c) - β z_y,

is convex, with the derivatives  mean(E[z] - z_y)  and  mean(Var[z])  under softmax(β z). Both take one pass over the streamed
classes, so the logits of a million classes are never held for all images.

Legend: B images, C classes, c classes of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from bioclip_x.evaluation.labelled_logits import LabelledLogits, TopLogits, find_top_logits
from bioclip_x.inference.temperature import compute_moments
from bioclip_x.limits import TEMPERATURES
from bioclip_x.records import Logits

COLDEST, HOTTEST = TEMPERATURES
"""Bounds of the search."""


@dataclass(frozen=True, slots=True)
class FittedTemperature:
    """The temperature within the bounds that maximises the likelihood.

    bound: the bound that it lies at where there is no finite optimum, else "": "coldest" where every image is right, so that
    the likelihood grows without limit as T → 0, "hottest" where the logits are worse than chance.
    """

    temperature: float
    bound: Literal["", "coldest", "hottest"] = ""


def compute_log_probabilities(logits: Logits, top: TopLogits, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes the log probabilities of the best and of the true class (nan for none), in one pass: float64 [B] each."""
    log_sum_B, _, _ = compute_moments(logits, top.top_B, 1 / temperature)
    return -log_sum_B, (top.true_B - top.top_B) / temperature - log_sum_B


def fit_temperature(parts: Sequence[LabelledLogits]) -> FittedTemperature:
    """Minimises the negative log-likelihood by safeguarded Newton steps; takes about ten passes over the classes.

    Images of unlisted classes, and those whose true class has no logit (-inf), are ignored. Raises ValueError if none is left.
    """
    tops = [find_top_logits(part) for part in parts]
    keep = [torch.isfinite(top.true_B) for top in tops]
    n = sum(int(mask.sum()) for mask in keep)
    if not n:
        raise ValueError("expected at least one image whose true class has a logit")

    def compute_derivatives(beta: float) -> tuple[float, float]:
        """Computes the first and second derivative of the NLL."""
        first, second = 0.0, 0.0
        for part, top, mask in zip(parts, tops, keep):
            _, mean_B, variance_B = compute_moments(part.logits, top.top_B, beta)
            first += float((mean_B - (top.true_B - top.top_B))[mask].sum())
            second += float(variance_B[mask].sum())
        return first / n, second / n

    low, high = 1 / HOTTEST, 1 / COLDEST
    if all(bool(top.right_B[mask].all()) for top, mask in zip(tops, keep)):
        return FittedTemperature(COLDEST, "coldest")
    if compute_derivatives(low)[0] >= 0:
        return FittedTemperature(HOTTEST, "hottest")
    beta = 1.0
    for _ in range(100):
        first, second = compute_derivatives(beta)
        low, high = (beta, high) if first < 0 else (low, beta)
        newton = beta - first / second if second > 0 else math.inf
        after = newton if low < newton < high else math.sqrt(low * high)
        if abs(after - beta) <= 1e-7 * beta:
            break
        beta = after
    return FittedTemperature(1 / beta, "coldest" if beta > 0.999 / COLDEST else "")
