"""Texts that stand for classes, before they are embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioclip_x.records.descriptor import DescriptorSet
    from bioclip_x.taxonomy.tree import Taxonomy


@dataclass(frozen=True, slots=True)
class Prompt:
    """One text for one class.

    text: what the text tower reads.
    class_index: the class it speaks of, 0 … C-1 in the taxonomy's leaf order.
    kind: taxonomic, scientific, common, descriptor, background, …
    phrase: what it says of the class beyond its name ("a red cap"), for reports; "" for a text that only names it.
    source: where it came from: a builder's name or a file.
    weight: its share within its class, relative to the class's other prompts; positive.
    taxon, rank: of the taxon that the phrase was written for, where that is one above the class (an inherited
        descriptor); "" where it is the class's own.
    """

    text: str
    class_index: int
    kind: str
    phrase: str = ""
    source: str = ""
    weight: float = 1.0
    taxon: str = ""
    rank: str = ""


@dataclass(frozen=True, slots=True)
class PromptSet:
    """What a text builder returns: prompts in class order, and notes about what was missing or doubtful."""

    prompts: tuple[Prompt, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What a text builder is given.

    taxonomy: the tree; `taxonomy.class_taxon(c)` is the taxon of class c.
    classes: the classes to write texts for.
    language: ISO 639-1 code for common names.
    descriptors: descriptors by class, where the recipe has any.
    missing: "name" falls back to the class's name where a descriptor is missing, "error" refuses.
    """

    taxonomy: Taxonomy
    classes: Sequence[int]
    language: str = "en"
    descriptors: DescriptorSet | None = None
    missing: str = "name"
