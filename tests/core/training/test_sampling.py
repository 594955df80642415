from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.training.sampling import assign_places, draw_epoch_order, make_sample_rng, make_step_seed

lengths_and_shares = st.lists(st.integers(1, 40), min_size=1, max_size=4).flatmap(
    lambda lengths: st.tuples(
        st.just(lengths),
        st.none() | st.lists(st.floats(0.1, 10), min_size=len(lengths), max_size=len(lengths)),
    )
)


@given(lengths_and_shares)
def test_every_place_of_an_epoch_has_an_existing_image(
    drawn: tuple[list[int], list[float] | None],
) -> None:
    lengths, shares = drawn
    order = draw_epoch_order(lengths, shares, seed=3, epoch=1)
    assert order.shape == (sum(lengths), 2)
    for dataset, (length, count) in enumerate(zip(lengths, assign_places(lengths, shares))):
        seen = np.bincount(order[order[:, 0] == dataset, 1], minlength=length)
        assert len(seen) == length and seen.sum() == count
        assert seen.max() - seen.min() <= 1


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    first = draw_epoch_order([50], None, 1, 0)
    np.testing.assert_array_equal(first, draw_epoch_order([50], None, 1, 0))
    assert not np.array_equal(first, draw_epoch_order([50], None, 1, 1))
    assert not np.array_equal(first, draw_epoch_order([50], None, 2, 0))


def test_each_position_has_its_own_random_numbers() -> None:
    drawn = {make_sample_rng(s, e, p).random() for s in (0, 1) for e in (0, 1) for p in (0, 1, 2)}
    drawn |= {np.random.default_rng((s, e)).random() for s in (0, 1) for e in (0, 1)}
    assert len(drawn) == 16
    assert make_sample_rng(0, 1, 2).random() == make_sample_rng(0, 1, 2).random()
    assert len({make_step_seed(seed, step) for seed in range(4) for step in range(50)}) == 200
