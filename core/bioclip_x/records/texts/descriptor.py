"""Descriptors: what a class looks like, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = ("descriptor", "background")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One visual trait in words.

    kind: "descriptor" for the organism, "background" for its surroundings. times: how often its author listed it; used
    once, unless the published prompts are to be reproduced exactly. part: of the body, if its author gave it separately
    ("back"); the phrase contains it too. weight: positive, relative to the class's other descriptors. places: where its author
    listed it among the class's descriptors, from 0; ascending, one for each time; () if unknown.
    """

    phrase: str
    kind: str = "descriptor"
    times: int = 1
    part: str = ""
    weight: float = 1.0
    places: tuple[int, ...] = field(default=(), compare=False)


def list_as_published(descriptors: Sequence[Descriptor]) -> list[int]:
    """Returns the indices of a class's descriptors in the order of the published list, each as often as it is listed there.

    >>> list_as_published([Descriptor("a", times=2, places=(0, 2)), Descriptor("b", places=(1,)), Descriptor("c", times=2)])
    [0, 1, 0, 2, 2]
    """
    unknown = 1 + max((place for one in descriptors for place in one.places), default=0)
    placed = [
        (place, index)
        for index, one in enumerate(descriptors)
        for place in (one.places if len(one.places) == one.times else [unknown] * one.times)
    ]
    return [index for _, index in sorted(placed)]


@dataclass(frozen=True, slots=True)
class DescriptorSet:
    """Descriptors by class, under the names their author used.

    classes: name of a class, or of a taxon above classes → its descriptors; an empty tuple if the file lists the name
    without any. style: how a phrase becomes a sentence ("sentence": it is one already; "" lets the text builder decide).
    notes: warnings about entries skipped while reading.
    """

    classes: Mapping[str, tuple[Descriptor, ...]]
    source: str
    style: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def empty_classes(self) -> tuple[str, ...]:
        return tuple(name for name, descriptors in self.classes.items() if not descriptors)
