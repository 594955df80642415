"""Learning rate schedules, as factors of the peak learning rate.

A schedule is a function of the step alone, so a resumed run follows it without any state.
"""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "constant", "cooldown"]
CooldownShape = Literal["linear", "sqrt"]


def compute_factor(
    step: int,
    *,
    warmup: int,
    total: int,
    schedule: Schedule = "cosine",
    cooldown: int = 0,
    shape: CooldownShape = "linear",
) -> float:
    """Computes the factor in [0, 1] by which the peak learning rate is multiplied at a step.

    All schedules rise linearly over the first `warmup` steps, to 1. Then, with t the step,

    - cosine: ½ · (1 + cos(π · (t − warmup) / (total − warmup))), to 0 at `total`;
    - constant: 1;
    - cooldown: 1, and over the last `cooldown` steps, with the progress p = (t − total + cooldown) / cooldown, 1 − p (linear)
      or 1 − √p (sqrt; Hägele et al. 2024, arXiv 2405.18392).

    step: completed steps, from 0.

    >>> [round(compute_factor(step, warmup=2, total=6), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    >>> [compute_factor(step, warmup=2, total=6, schedule="cooldown", cooldown=2) for step in range(6)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))
    done = step - (total - cooldown)
    if schedule == "constant" or done <= 0:
        return 1.0
    progress = min(done / cooldown, 1.0)
    return 1 - (math.sqrt(progress) if shape == "sqrt" else progress)
