"""The order of images and their random numbers, as functions of (seed, epoch, position) alone.

A resumed run therefore gets the same batches as an uninterrupted one, with any number of workers and of processes.

Legend: n places of an epoch, N images of a data set, P places of a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SHUFFLE_SHARDS = 16
"""Shards of which the images are mixed, for data sets that are read sequentially."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the order needs to know of a data set.

    length: number of its images, N. share: of the epoch, relative to the other data sets; None for all or none of them.
    balance: from 0 (each image equally often) to 1 (each class equally often); a class of n images is drawn with a
        probability proportional to n ** (1 - balance). nodes_N: the class of each image, -1 for none; needed to balance.
    blocks: lengths of the shards of a data set that is read sequentially; empty if any image is read at the same cost.
    """

    length: int
    share: float | None = None
    balance: float = 0.0
    nodes_N: Ints | None = None
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EpochOrder:
    """The order of images in each epoch.

    shuffle_shards: number of shards of which the images are mixed with one another (see `Source.blocks`).
    """

    sources: tuple[Source, ...]
    seed: int
    shuffle_shards: int = SHUFFLE_SHARDS

    @property
    def length(self) -> int:
        """The number of places of an epoch: that of all images."""
        return sum(source.length for source in self.sources)

    def draw(self, epoch: int) -> Ints:
        """Draws the order of an epoch (from 0): int64 [n, 2], columns (data set, image index).

        Each data set has its share of the places, spread evenly over the epoch.
        """
        rng = np.random.default_rng((self.seed, epoch))
        counts = assign_places([one.length for one in self.sources], [one.share for one in self.sources])
        images = [draw_images(one, count, self.shuffle_shards, rng) for one, count in zip(self.sources, counts)]
        at_n = np.concatenate([_spread(np.full(count, count), np.arange(count), rng) for count in counts])
        order = np.stack([np.repeat(np.arange(len(counts)), counts), np.concatenate(images)], axis=1)
        return order[np.argsort(at_n, kind="stable")]


def assign_places(lengths: Sequence[int], shares: Sequence[float | None]) -> list[int]:
    """Returns how many of an epoch's places each data set gets; they add up to the sum of `lengths`.

    >>> assign_places([90, 10], [1, 1]), assign_places([90, 10], [None, None])
    ([50, 50], [90, 10])
    """
    given = [share for share in shares if share is not None]
    if len(given) < len(lengths):
        return list(lengths)
    ends = np.cumsum(given) / np.sum(given) * sum(lengths)
    return [int(n) for n in np.diff(np.concatenate([[0.0], ends]).round().astype(np.int64))]


def draw_images(source: Source, places: int, shuffle_shards: int, rng: np.random.Generator) -> Ints:
    """Draws the images of a data set's places in an epoch, in order: int64 [P].

    Each image occurs as often as expected, rounded up or down, its repetitions spread over the epoch. Images of one shard
    are near each other: shards are permuted, and the images of each `shuffle_shards` consecutive ones shuffled.
    """
    count_N = round_counts(expect_counts(source, places), source.nodes_N, rng)
    image_P = np.repeat(np.arange(source.length), count_N)
    copy_P = np.arange(len(image_P)) - np.repeat(np.cumsum(count_N) - count_N, count_N)
    at_P = _spread(count_N[image_P], copy_P, rng)
    if not source.blocks:
        return image_P[np.argsort(at_P, kind="stable")]
    shard_P = np.repeat(np.arange(len(source.blocks)), source.blocks)[image_P]
    passes = max(1, -(-places // source.length))
    pass_P = np.minimum((at_P * passes).astype(np.int64), passes - 1)
    group_of = np.stack([rng.permutation(len(source.blocks)) // shuffle_shards for _ in range(passes)])
    return image_P[np.lexsort((rng.random(len(image_P)), group_of[pass_P, shard_P], pass_P))]


def expect_counts(source: Source, places: int) -> Floats:
    """Returns how often each image is expected in an epoch: float64 [N], of sum `places`.

    Images without a class keep the part of the places that they have without balancing.
    """
    even_N = np.full(source.length, places / max(source.length, 1))
    if not source.balance or source.nodes_N is None:
        return even_N
    known_N = source.nodes_N >= 0
    if not known_N.any():
        return even_N
    _, class_k, size_C = np.unique(source.nodes_N[known_N], return_inverse=True, return_counts=True)
    weight_k = size_C[class_k] ** -float(source.balance)
    even_N[known_N] = weight_k / weight_k.sum() * even_N[known_N].sum()
    return even_N


def round_counts(expected_N: Floats, nodes_N: Ints | None, rng: np.random.Generator) -> Ints:
    """Rounds expected counts up or down at random, keeping each expectation and the sum: int64 [N].

    Systematic sampling (Madow 1949) of the images in random order, class by class, so that also the count of each class is
    its expectation, rounded up or down.
    """
    order = rng.permutation(len(expected_N))
    if nodes_N is not None:
        order = order[np.argsort(nodes_N[order], kind="stable")]
    total = round(float(expected_N.sum()))
    ends = np.cumsum(expected_N[order])
    if len(ends):
        ends *= total / ends[-1] if ends[-1] else 0.0
        ends[-1] = total
    # The tolerance keeps whole expectations whole: rounding errors of the sum must not repeat one image and drop another.
    steps = np.floor(ends + rng.random() * (1 - 2e-6) + 1e-6).astype(np.int64)
    count_N = np.empty(len(expected_N), np.int64)
    count_N[order] = np.diff(steps, prepend=0)
    return count_N


def _spread(count_P: Ints, copy_P: Ints, rng: np.random.Generator) -> Floats:
    """Draws the time of each place in [0, 1): copy number `copy_P` of `count_P` lies in its own part of the epoch."""
    return (copy_P + rng.random(len(copy_P))) / count_P


def make_sample_rng(seed: int, epoch: int, position: int) -> np.random.Generator:
    """Makes the generator of one position in an epoch, for its kind of text, prompt and augmentation."""
    # numpy pads seeds with zeros, so (seed, epoch, 0) would repeat the stream of `EpochOrder.draw`.
    return np.random.default_rng((seed, epoch, position + 1))


def make_view_rng(seed: int, epoch: int, position: int, view: int) -> np.random.Generator:
    """Makes the generator of a further view (from 0) of one position's image."""
    return np.random.default_rng((seed, epoch, position + 1, view + 1))


def make_step_seed(seed: int, step: int) -> int:
    """Returns the seed of randomness inside the model (dropout) at one step of the run."""
    return int(np.random.SeedSequence((seed, step, 1)).generate_state(1, np.uint64)[0]) >> 1
