"""Descriptors: what a class looks like, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = ("descriptor", "background")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One visual trait in words.

    kind: "descriptor" for the organism, "background" for its surroundings. times: how often its author listed it; used
    once, unless the published prompts are to be reproduced exactly. part: of the body, if its author gave it separately
    ("back"); the phrase contains it too. weight: positive, relative to the class's other descriptors.
    """

    phrase: str
    kind: str = "descriptor"
    times: int = 1
    part: str = ""
    weight: float = 1.0


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
