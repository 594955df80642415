"""Random draws that depend only on a seed and names, not on the order of classes or on Python's hash."""

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
    """Makes a generator seeded by its arguments. Use only `random()`, whose sequence is stable across Python versions."""
    digest = hashlib.sha256(json.dumps(about).encode()).digest()
    return Random(int.from_bytes(digest, "big"))


def draw_one(items: Sequence[T], draw: Random) -> T:
    """Draws one item.

    >>> draw_one("abc", make_generator(0)) == draw_one("abc", make_generator(0))
    True
    """
    return items[int(draw.random() * len(items))]


def make_class_keys(taxonomy: Taxonomy) -> dict[int, str]:
    """Returns class → its name, or its lineage if several classes have the same name."""
    taxa = [taxonomy.class_taxon(c) for c in range(taxonomy.n_classes)]
    times = Counter(taxon.name for taxon in taxa)
    return {
        c: taxon.name if times[taxon.name] == 1 else json.dumps(taxon.lineage, ensure_ascii=False)
        for c, taxon in enumerate(taxa)
    }


def draw_derangement(kinds: Mapping[str, Hashable], seed: int) -> dict[str, str]:
    """Draws a permutation that assigns as few keys as possible to a key of the same kind: key → its assigned key.

    The keys are arranged in a random circle, grouped by kind, and shifted by the size of the largest kind. Hence no key is
    assigned to its own kind if no kind has more than half of the keys, and otherwise as few as possible are; with at least
    two kinds, no key is assigned to itself.
    """
    groups: dict[Hashable, list[str]] = {}
    for key in sorted(kinds, key=lambda key: (make_generator("exchange", seed, key).random(), key)):
        groups.setdefault(kinds[key], []).append(key)  # kinds in the order of their first keys
    circle = [key for group in groups.values() for key in group]
    step = max(map(len, groups.values()), default=0)
    return {key: circle[(place + step) % len(circle)] for place, key in enumerate(circle)}
