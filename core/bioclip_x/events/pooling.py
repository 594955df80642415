"""Pools the logits of several images of one event.

Legend: n images, C classes, c classes of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch

from bioclip_x.records import Logits

Pooling = Literal["product", "mean"]


def pool_logits(logits: Logits, pooling: Pooling) -> Logits:
    """Pools the logits of n images, calibrated, to those of one, without having all classes in memory.

    "product": the mean of the logits, whose softmax is the normalised geometric mean of the images' probabilities, a product
    of experts of equal weight (Hinton, Neural Computation 2002) with exponents 1/n: images of one event are no independent
    witnesses, and their plain product would be overconfident. "mean": the log of the mean of the images' softmax
    probabilities (a linear opinion pool).
    """
    if pooling == "product":
        return _map_images(logits, lambda part_cn: part_cn.mean(1, keepdim=True))
    log_total_n = sum_exponentials(logits)
    log_n = math.log(logits.n_images)
    return _map_images(logits, lambda part_cn: (part_cn - log_total_n).logsumexp(1, keepdim=True) - log_n)


def sum_exponentials(logits: Logits) -> torch.Tensor:
    """Returns the log of the sum of each image's exponentials over all classes: float32 [n]."""
    totals = [part_cn.logsumexp(0) for _, part_cn in logits.chunks()]
    total_n: torch.Tensor = torch.stack(totals).logsumexp(0)
    return total_n


def _map_images(logits: Logits, pool: Callable[[torch.Tensor], torch.Tensor]) -> Logits:
    exact = logits.exact
    return replace(
        logits,
        n_images=1,
        part=lambda start, stop: pool(logits.part(start, stop)),
        exact=exact and (lambda start, stop: pool(exact(start, stop))),
    )
