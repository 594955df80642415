"""Examples are drawn, one of each class first."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.figures.assembly import make_rank_points
from bioclip_x.evaluation.figures.examples import choose_examples
from bioclip_x.records import Measure


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=40), st.integers(0, 12))
def test_no_class_has_a_second_before_each_has_one(images: list[tuple[bool, int]], most: int) -> None:
    is_candidate_n = np.array([is_candidate for is_candidate, _ in images], bool)
    class_n = np.array([class_ for _, class_ in images], np.int64)
    rows = choose_examples(is_candidate_n, class_n, most).tolist()
    candidates = [i for i, (is_candidate, _) in enumerate(images) if is_candidate]
    assert len(rows) == min(most, len(candidates)) == len(set(rows)) and set(rows) <= set(candidates)
    counts = Counter(images[row][1] for row in rows)
    available = Counter(images[row][1] for row in candidates)
    for class_, number in available.items():
        if counts[class_] < number:  # a class that has images left was not passed over
            assert counts[class_] >= max(counts.values(), default=0) - 1


def test_the_draw_is_repeatable_and_not_the_first_images() -> None:
    is_candidate_n, class_n = np.ones(100, bool), np.arange(100)
    rows = choose_examples(is_candidate_n, class_n, 10)
    np.testing.assert_array_equal(rows, choose_examples(is_candidate_n, class_n, 10))
    assert rows.tolist() != list(range(10))


def test_ranks_without_images_keep_their_place() -> None:
    points = make_rank_points([("order", Measure(1.0, 0.5, 1.0, 4)), ("class", Measure(None, None, None, 0)),
                               ("genus", Measure(0.25, 0.1, 0.6, 4))])  # fmt: skip
    assert [(point.x, point.value, point.label) for point in points] == [(0.0, 1.0, "order"), (2.0, 0.25, "genus")]
