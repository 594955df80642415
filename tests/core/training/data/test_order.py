from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TrainingError
from bioclip_x.training.data.order import (
    EpochOrder,
    Source,
    assign_places,
    draw_images,
    expect_counts,
    make_sample_rng,
    make_step_seed,
    make_view_rng,
    round_counts,
)
from bioclip_x.training.data.tasks import Tasks, slice_batch, split

lengths_and_shares = st.lists(st.integers(1, 40), min_size=1, max_size=4).flatmap(
    lambda lengths: st.tuples(
        st.just(lengths),
        st.just([None] * len(lengths)) | st.lists(st.floats(0.1, 10), min_size=len(lengths), max_size=len(lengths)),
    )
)


@given(lengths_and_shares, st.booleans())
def test_every_place_of_an_epoch_has_an_existing_image(
    drawn: tuple[list[int], list[float | None]], in_shards: bool
) -> None:
    lengths, shares = drawn
    blocks = [(n // 2, n - n // 2) if in_shards else () for n in lengths]
    sources = tuple(Source(n, share, blocks=b) for n, share, b in zip(lengths, shares, blocks))
    order = EpochOrder(sources, seed=3).draw(epoch=1)
    assert order.shape == (sum(lengths), 2)
    for dataset, (length, count) in enumerate(zip(lengths, assign_places(lengths, shares))):
        seen = np.bincount(order[order[:, 0] == dataset, 1], minlength=length)
        assert len(seen) == length and seen.sum() == count
        assert seen.max() - seen.min() <= 1


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    source = Source(50, blocks=(10,) * 5)
    for sources in ((Source(50),), (source,), (Source(50, 1), Source(20, 3))):
        first = EpochOrder(sources, 1).draw(0)
        np.testing.assert_array_equal(first, EpochOrder(sources, 1).draw(0))
        assert not np.array_equal(first, EpochOrder(sources, 1).draw(1))
        assert not np.array_equal(first, EpochOrder(sources, 2).draw(0))


def test_all_images_are_as_likely_at_each_place() -> None:
    places = np.array([EpochOrder((Source(6),), seed).draw(0)[:, 1] for seed in range(3000)])
    counts = np.array([np.bincount(places[:, place], minlength=6) for place in range(6)])
    assert abs(counts - 500).max() < 5 * np.sqrt(500 * 5 / 6)


def test_the_data_sets_are_mixed_evenly() -> None:
    order = EpochOrder((Source(300, 1), Source(100, 3)), seed=0).draw(0)
    in_batches = order[:, 0].reshape(10, 40).sum(axis=1)
    assert order[:, 0].sum() == 300 and abs(in_batches - 30).max() <= 2


def test_the_repetitions_of_an_image_are_spread_over_the_epoch() -> None:
    images = draw_images(Source(10), 40, 1, np.random.default_rng(0))
    for quarter in images.reshape(4, 10):
        assert sorted(quarter) == list(range(10))


NODES = np.array([7] * 60 + [3] * 30 + [9] * 9 + [4])


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_balance_is_the_power_of_a_class_size(balance: float) -> None:
    source = Source(100, balance=balance, nodes_N=NODES)
    expected = expect_counts(source, 100)
    sizes = {7: 60, 3: 30, 9: 9, 4: 1}
    total = sum(n ** (1 - balance) for n in sizes.values())
    for node, n in sizes.items():
        assert expected[node == NODES].sum() == pytest.approx(100 * n ** (1 - balance) / total)
    mean = np.zeros(100)
    for seed in range(400):
        counts = round_counts(expected, NODES, np.random.default_rng(seed))
        assert counts.sum() == 100
        assert (abs(counts - expected) < 1 + 1e-9).all()
        for node in sizes:
            assert abs(counts[node == NODES].sum() - expected[node == NODES].sum()) < 1 + 1e-9
        mean += counts / 400
    assert abs(mean - expected).max() < 0.15


def test_images_without_a_class_keep_their_part() -> None:
    nodes = np.concatenate([NODES, np.full(50, -1)])
    expected = expect_counts(Source(150, balance=1.0, nodes_N=nodes), 300)
    np.testing.assert_allclose(expected[100:], 2.0)
    np.testing.assert_allclose(expected[:60], 50 / 60)
    nothing = expect_counts(Source(5, balance=1.0, nodes_N=np.full(5, -1)), 10)
    np.testing.assert_allclose(nothing, 2.0)


def test_a_balanced_epoch_repeats_images_of_rare_classes() -> None:
    source = Source(100, balance=1.0, nodes_N=NODES)
    images = draw_images(source, 100, 1, np.random.default_rng(0))
    assert np.bincount(NODES[images], minlength=10).tolist() == [0, 0, 0, 25, 25, 0, 0, 25, 0, 25]
    assert np.bincount(NODES[images][:50], minlength=10)[4] in range(9, 17), "spread over the epoch"


@pytest.mark.parametrize("places", [120, 300])
def test_shards_are_read_one_group_after_another(places: int) -> None:
    blocks = (30, 10, 20, 40, 20)
    shard_of = np.repeat(np.arange(5), blocks)
    images = draw_images(Source(120, blocks=blocks), places, 2, np.random.default_rng(5))
    visits = [shard for i, shard in enumerate(shard_of[images]) if i == 0 or shard != shard_of[images][i - 1]]
    groups = [set(shard_of[images[start : start + 10]]) for start in range(0, places, 10)]
    assert all(len(group) <= 4 for group in groups), "two groups of two shards at most"
    assert len(visits) > 20, "the images of a group are mixed"
    one_by_one = draw_images(Source(120, blocks=blocks), 120, 1, np.random.default_rng(5))
    changes = np.count_nonzero(np.diff(shard_of[one_by_one]))
    assert changes == 4 and sorted(one_by_one) == list(range(120))
    assert not np.array_equal(one_by_one[:10], np.sort(one_by_one[:10]))


def test_each_position_has_its_own_random_numbers() -> None:
    drawn = {make_sample_rng(s, e, p).random() for s in (0, 1) for e in (0, 1) for p in (0, 1, 2)}
    drawn |= {np.random.default_rng((s, e)).random() for s in (0, 1) for e in (0, 1)}
    drawn |= {make_view_rng(s, e, p, v).random() for s in (0, 1) for e in (0, 1) for p in (0, 1) for v in (0, 1)}
    assert len(drawn) == 12 + 4 + 16
    assert make_sample_rng(0, 1, 2).random() == make_sample_rng(0, 1, 2).random()
    assert len({make_step_seed(seed, step) for seed in range(4) for step in range(50)}) == 200


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_tasks_of_all_processes_are_the_epochs_in_order(workers: int, size: int) -> None:
    def find(step: int) -> tuple[int, int]:
        return (8, 8) if step < 5 else (9, 7)

    order = EpochOrder((Source(90), Source(17)), seed=2)
    parts = [split(slice_batch(24, rank, size), workers) for rank in range(size)]
    for epoch, step in [(0, 0), (1, 2)]:
        seen: dict[tuple[int, int], list[list[int]]] = {}
        for spans in parts:
            for task in Tasks(order, 24, spans, epochs=3, epoch=epoch, step=step, find_image_size=find):
                assert len(task.rows_b2) <= 64 and task.position // 24 == task.step
                assert task.image_size == find(task.epoch * 4 + task.step)
                for offset, row in enumerate(task.rows_b2.tolist()):
                    seen[task.epoch, task.position + offset] = row
        expected = {
            (e, position): row
            for e in range(epoch, 3)
            for position, row in enumerate(order.draw(e).tolist()[:96])
            if e > epoch or position >= step * 24
        }
        assert seen == expected


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(
        TrainingError, match=r"batch_size: 10 images cannot be divided among 4 processes; set it to 8 or 12"
    ):
        slice_batch(10, 0, 4)
    with pytest.raises(TrainingError, match=r"set it to 4$"):
        slice_batch(2, 0, 4)
