"""The order of images and their random numbers, as functions of (seed, epoch, position) alone.

A resumed run therefore gets the same batches as an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def draw_epoch_order(
    lengths: Sequence[int], shares: Sequence[float] | None, seed: int, epoch: int
) -> npt.NDArray[np.int64]:
    """Draws the order of an epoch's images: int64 [n, 2], columns (data set, image index); n is the sum of lengths.

    Without shares, each image occurs once. With shares (relative), data set i has its share of the n places, filled by
    repeated random permutations of its images.
    """
    rng = np.random.default_rng((seed, epoch))
    parts = []
    for dataset, (length, count) in enumerate(zip(lengths, assign_places(lengths, shares))):
        rounds = [rng.permutation(length) for _ in range(-(-count // length))] if count else []
        images = np.concatenate(rounds)[:count] if rounds else np.empty(0, np.int64)
        parts.append(np.stack([np.full(count, dataset, np.int64), images], axis=1))
    order = np.concatenate(parts)
    return order[rng.permutation(len(order))]


def assign_places(lengths: Sequence[int], shares: Sequence[float] | None) -> list[int]:
    """Returns how many of an epoch's places each data set gets; they add up to the sum of `lengths`.

    >>> assign_places([90, 10], [1, 1]), assign_places([90, 10], None)
    ([50, 50], [90, 10])
    """
    if shares is None:
        return list(lengths)
    ends = np.cumsum(shares) / np.sum(shares) * sum(lengths)
    return [int(n) for n in np.diff(np.concatenate([[0.0], ends]).round().astype(np.int64))]


def make_sample_rng(seed: int, epoch: int, position: int) -> np.random.Generator:
    """Makes the generator of one position in an epoch, for its kind of text, prompt and augmentation."""
    # numpy pads seeds with zeros, so (seed, epoch, 0) would repeat the stream of `draw_epoch_order`.
    return np.random.default_rng((seed, epoch, position + 1))


def make_step_seed(seed: int, step: int) -> int:
    """Returns the seed of randomness inside the model (dropout) at one step of the run."""
    return int(np.random.SeedSequence((seed, step, 1)).generate_state(1, np.uint64)[0] >> 1)
