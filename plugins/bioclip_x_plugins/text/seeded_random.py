"""Randomness that depends on a seed and a name alone: not on the order of classes, nor on Python's hash."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from random import Random
from typing import TypeVar

from bioclip_x.plugin import Taxonomy

T = TypeVar("T")


def make_generator(*about: str | int) -> Random:
    """A generator of its own for what it is about. Use `random()`, the one method whose sequence Python promises to keep."""
    digest = hashlib.sha256(json.dumps(about).encode()).digest()
    return Random(int.from_bytes(digest, "big"))


def draw_one(items: Sequence[T], draw: Random) -> T:
    """
    >>> one_of("abc", generator(0)) == one_of("abc", generator(0))
    True
    """
    return items[int(draw.random() * len(items))]


def make_class_keys(taxonomy: Taxonomy) -> dict[int, str]:
    """Class → its name; of classes that bear the same, each with its path."""
    taxa = [taxonomy.class_taxon(c) for c in range(taxonomy.n_classes)]
    times = Counter(taxon.name for taxon in taxa)
    return {
        c: taxon.name if times[taxon.name] == 1 else json.dumps(taxon.lineage, ensure_ascii=False)
        for c, taxon in enumerate(taxa)
    }


def draw_derangement(kinds: Mapping[str, Hashable], seed: int) -> dict[str, str]:
    """A one-to-one exchange in which as few as possible get something of their own kind: key → the key it gets from.

    Keys of one kind stand together in a random circle, and each gets from the one as many places on as the largest kind
    has keys. So none gets from its own kind where no kind has more than half of the keys, and else the fewest possible
    do; that none gets from itself follows where there are two kinds.
    """
    groups: dict[Hashable, list[str]] = {}
    for key in sorted(kinds, key=lambda key: (make_generator("exchange", seed, key).random(), key)):
        groups.setdefault(kinds[key], []).append(key)  # the circle: kinds in the order of their first keys
    circle = [key for group in groups.values() for key in group]
    step = max(map(len, groups.values()), default=0)
    return {key: circle[(place + step) % len(circle)] for place, key in enumerate(circle)}
