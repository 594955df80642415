"""Pools the logits of several images of one event.

Legend: n images, C classes, c classes of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import torch

from bioclip_x.records import Logits
from bioclip_x.records.scores import CHUNK

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
    return _map_images(
        logits, lambda part_cn: (part_cn - log_total_n.to(part_cn.device)).logsumexp(1, keepdim=True) - log_n
    )


def sum_exponentials(logits: Logits) -> torch.Tensor:
    """Returns the log of the sum of each image's exponentials over all classes: float32 [n]."""
    totals = [part_cn.logsumexp(0) for _, part_cn in logits.chunks()]
    total_n: torch.Tensor = torch.stack(totals).logsumexp(0)
    return total_n


def _map_images(logits: Logits, pool: Callable[[torch.Tensor], torch.Tensor]) -> Logits:
    """Applies `pool` to parts of the logits of so many classes that those of all n images fit into memory."""
    exact, step = logits.exact, max(256, CHUNK // logits.n_images)

    def pool_part(part: Callable[[int, int], torch.Tensor], start: int, stop: int) -> torch.Tensor:
        firsts = range(start, stop, step)
        return torch.cat([pool(part(first, min(first + step, stop))) for first in firsts])

    return replace(
        logits,
        n_images=1,
        part=partial(pool_part, logits.part),
        exact=exact and partial(pool_part, exact),
    )
