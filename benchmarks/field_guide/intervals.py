"""Shares with the two intervals that a reader needs: over drawings of these species, and over species.

Drawings of one species are alike, so that an interval over drawings alone promises too much for species not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

RESAMPLES = 10_000


def wilson(hits: int, of: int) -> list[float]:
    """95% score interval of a proportion (Wilson 1927)."""
    z, p = 1.96, hits / of
    centre, width = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return [round((centre + sign * width) / (1 + z * z / of), 4) for sign in (-1, 1)]


def over_groups(hit: Sequence[bool], group: Sequence[Hashable]) -> list[float]:
    """95% percentile interval of the share, whole groups drawn anew with replacement (cluster bootstrap).

    Where all cases agree there is nothing to draw anew; then it is Wilson's, of so many groups that agree.
    """
    place = {one: i for i, one in enumerate(dict.fromkeys(group))}
    hits_G, of_G = np.zeros(len(place)), np.zeros(len(place))
    for one, name in zip(hit, group, strict=True):
        hits_G[place[name]] += one
        of_G[place[name]] += 1
    if sum(map(bool, hit)) in (0, len(hit)):
        return wilson(len(place) if hit[0] else 0, len(place))
    drawn = np.random.default_rng(0).integers(len(place), size=(RESAMPLES, len(place)))
    shares = hits_G[drawn].sum(1) / of_G[drawn].sum(1)
    return [round(float(share), 4) for share in np.quantile(shares, (0.025, 0.975))]


def share(hit: Sequence[bool], group: Sequence[Hashable] | None = None) -> dict[str, Any]:
    """A share, its counts and its 95% intervals: over single cases, and over groups where they are given."""
    hits, of = sum(map(bool, hit)), len(hit)
    found: dict[str, Any] = {"value": round(hits / of, 4), "hits": hits, "of": of, "interval95": wilson(hits, of)}
    if group is not None:
        found["interval95_species"] = over_groups(hit, group)
    return found
