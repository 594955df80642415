"""Counts of descriptors on other classes than their own, against loops over permutations and pairs of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bioclip_x.evaluation.descriptors.statistics import compute_area
from bioclip_x.evaluation.descriptors.swapped_classes import SWAPS, Split, count_by_chance, find_side
from bioclip_x.evaluation.intervals import compute_class_difference_interval


@dataclass
class Made:
    """Nine classes of eight images in two genera, with three texts each. signal: how much texts resemble their class."""

    signal: float
    seed: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        centre = rng.normal(size=(9, 12))
        images = np.repeat(centre, 8, 0) + rng.normal(0, 0.7, (72, 12))
        texts = rng.normal(size=(9, 3, 12)) + self.signal * centre[:, None]
        self.cosines = (texts @ images.T).round(6)
        family = [slice(0, 40)] * 5 + [slice(40, 72)] * 4
        self.splits: list[Split] = [(slice(8 * k, 8 * k + 8), family[k]) for k in range(9)]
        self.sides = [[find_side(one, *self.splits[k]) for one in self.cosines[k]] for k in range(9)]


def test_a_side_is_that_of_the_class_among_its_siblings() -> None:
    made = Made(0.5)
    for k, (own, family) in enumerate(made.splits):
        siblings = [i for i in range(family.start, family.stop) if not own.start <= i < own.stop]
        for cos in made.cosines[k]:
            area = compute_area(cos[own], cos[siblings])
            assert area is not None and find_side(cos, own, family) == area.side
    assert find_side(made.cosines[0, 0], slice(0, 8), slice(0, 8)) == "around", "no siblings"


def test_counts_are_those_of_a_loop_over_permutations() -> None:
    made = Made(0.3)
    found = count_by_chance(made.splits, made.sides, lambda k: made.cosines[k], seed=4)
    rng = np.random.default_rng(4)
    permutations = [rng.permutation(9) for _ in range(SWAPS)]
    assert found is not None and found.swaps == SWAPS
    for side, count in (("above", found.above), ("below", found.below)):
        of_class = np.array(
            [
                [sum(find_side(cos, *made.splits[order[k]]) == side for cos in made.cosines[k]) for k in range(9)]
                for order in permutations
            ]
        )
        totals = of_class.sum(1)
        own = np.array([sides.count(side) for sides in made.sides])
        assert (count.found, count.least, count.most) == (own.sum(), totals.min(), totals.max())
        more = (own - of_class.mean(0)) / 3
        assert count.expected == pytest.approx(totals.mean()) and count.more == pytest.approx(more.mean())
        assert (count.low, count.high) == pytest.approx(compute_class_difference_interval(more))


def test_texts_about_their_classes_are_more_than_chance_and_random_ones_are_not() -> None:
    own = Made(2.0)
    found = count_by_chance(own.splits, own.sides, lambda k: own.cosines[k])
    assert found is not None and found.above.found > found.above.most and not found.above.is_by_chance
    noise = []
    for seed in range(12):
        random = Made(0.0, seed)
        count = count_by_chance(random.splits, random.sides, lambda k, of=random: of.cosines[k], seed)  # type: ignore[misc]
        assert count is not None and count.above.low is not None and count.above.high is not None
        noise.append(count.above.is_by_chance and count.above.low <= 0 <= count.above.high)
    assert np.mean(noise) >= 0.85


def test_one_class_cannot_be_swapped() -> None:
    made = Made(1.0)
    assert count_by_chance(made.splits[:1], made.sides[:1], lambda k: made.cosines[k]) is None
