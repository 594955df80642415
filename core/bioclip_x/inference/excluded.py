"""Finds the images of a batch of which no class is left, and scores that no head can use.

Legend: B images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from bioclip_x.faults import refuse
from bioclip_x.records import Logits, Scores

NONE_LISTED: Final = "none of the listed classes"
"""Refusal of an image whose classes are all excluded."""


@dataclass(frozen=True, slots=True)
class Named:
    """The components and images that errors name. may_exclude: whether the scorer may give -inf to all classes of an image."""

    scorer: object
    head: object
    images: Sequence[str]
    may_exclude: bool


def find_excluded_images(scores: Scores, adjusted: Logits, computed: Logits, named: Named) -> list[bool]:
    """Returns for each image whether no class is left, since all its adjusted logits are -inf.

    scores: of the head. computed: the scorer's own logits. Only images without a finite best class are examined, so this costs
    nothing otherwise.

    Raises PluginError, naming the component: for a scorer with NaN or +inf, for one that computes its scores and gives -inf to
    every class, and for a head with NaN.
    """
    is_excluded_B = ~torch.isfinite(scores.log_top_BK[:, 0])
    for row in torch.nonzero(is_excluded_B)[:, 0].tolist():
        _check_scorer(computed, row, named)
        if _find_largest(adjusted, row) > -torch.inf:
            best = float(scores.log_top_BK[row, 0])
            refuse(named.head, "decide", "a finite log-probability of the best class", best, named.images[row])
    excluded: list[bool] = is_excluded_B.tolist()
    return excluded


def _check_scorer(computed: Logits, row: int, named: Named) -> None:
    largest = _find_largest(computed, row)
    if largest != largest or largest == torch.inf:
        refuse(named.scorer, "logits", "numbers below infinity", largest, named.images[row])
    if largest == -torch.inf and not named.may_exclude:
        refuse(named.scorer, "logits", "a finite number for at least one class", largest, named.images[row])


def _find_largest(logits: Logits, row: int) -> float:
    """Returns an image's largest logit; nan if one is nan."""
    largest = torch.tensor(-torch.inf)
    for _, logits_cB in logits.chunks():
        largest = torch.maximum(largest, logits_cB[:, row].amax().cpu())  # propagates nan
    return float(largest)
