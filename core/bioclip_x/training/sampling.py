"""Which image comes when, and each one's own random numbers: functions of (seed, epoch, position) and nothing else.

So a run that is stopped and resumed, with however many workers, sees the same batches as one that was not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def draw_epoch_order(
    lengths: Sequence[int], shares: Sequence[float] | None, seed: int, epoch: int
) -> npt.NDArray[np.int64]:
    """An epoch's images in order: int64 [n, 2], columns (data set, image in it); n is the sum of lengths.

    Without shares, each image once. With shares (relative), data set i has its share of the n places, and its images
    are gone through in random order as often as that takes.
    """
    rng = np.random.default_rng((seed, epoch))
    parts = []
    for dataset, (length, count) in enumerate(zip(lengths, assign_places(lengths, shares))):
        rounds = [rng.permutation(length) for _ in range(-(-count // length))] if count else []
        pictures = np.concatenate(rounds)[:count] if rounds else np.empty(0, np.int64)
        parts.append(np.stack([np.full(count, dataset, np.int64), pictures], axis=1))
    everything = np.concatenate(parts)
    return everything[rng.permutation(len(everything))]


def assign_places(lengths: Sequence[int], shares: Sequence[float] | None) -> list[int]:
    """How many of an epoch's places each data set has; they add up to the sum of `lengths`.

    >>> places([90, 10], [1, 1]), places([90, 10], None)
    ([50, 50], [90, 10])
    """
    if shares is None:
        return list(lengths)
    ends = np.cumsum(shares) / np.sum(shares) * sum(lengths)
    return [int(n) for n in np.diff(np.concatenate([[0.0], ends]).round().astype(np.int64))]


def sample_rng(seed: int, epoch: int, position: int) -> np.random.Generator:
    """The random numbers of one place in an epoch: its kind of text, its prompt, its augmentation."""
    # numpy pads seeds with zeros, so (seed, epoch, 0) would repeat the stream that ordered the epoch.
    return np.random.default_rng((seed, epoch, position + 1))


def step_seed(seed: int, step: int) -> int:
    """The seed for what is drawn inside the model (dropout) at one step, counted over the run."""
    return int(np.random.SeedSequence((seed, step, 1)).generate_state(1, np.uint64)[0] >> 1)
