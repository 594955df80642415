"""What a class looks like, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = ("descriptor", "background")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One visual trait in words.

    kind: "descriptor" for the organism, "background" for where it is found. times: how often its author listed it; said
    once unless the published prompts are wanted to the letter. part: of the body, where its author said it apart ("back");
    the phrase has it too. weight: its share within its class, relative to the class's others; positive.
    """

    phrase: str
    kind: str = "descriptor"
    times: int = 1
    part: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class DescriptorSet:
    """Descriptors by class, under the names their author used.

    classes: name of a class, or of a taxon above classes → its descriptors; an empty tuple where the file names it and says
    nothing of it. style: how a phrase is put into a sentence ("sentence": it is one; "" leaves it to the text builder).
    notes: what was skipped while reading.
    """

    classes: Mapping[str, tuple[Descriptor, ...]]
    source: str
    style: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def empty_classes(self) -> tuple[str, ...]:
        return tuple(name for name, descriptors in self.classes.items() if not descriptors)
