"""Prompts: the texts of classes, before they are embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioclip_x.records.texts.descriptor import DescriptorSet
    from bioclip_x.taxonomy.tree import Taxonomy


@dataclass(frozen=True, slots=True)
class Prompt:
    """One text for one class.

    text: the input of the text encoder.
    class_index: its class, 0 … C-1 in the taxonomy's leaf order.
    kind: taxonomic, scientific, common, descriptor, background, …
    phrase: what it says about the class beyond its name ("a red cap"), for reports; "" for a text that only names it.
    source: its origin: a builder's name or a file.
    weight: positive, relative to the class's other prompts.
    taxon, rank: for an inherited descriptor, of the taxon above the class that it was written for; else "".
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
    """The output of a text builder: prompts in class order, and notes about missing or doubtful texts."""

    prompts: tuple[Prompt, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextRequest:
    """The input of a text builder.

    taxonomy: the tree; `taxonomy.class_taxon(c)` is the taxon of class c.
    classes: the classes to write texts for.
    language: ISO 639-1 code for common names.
    descriptors: descriptors by class, if the recipe has any.
    missing: for classes without descriptors, "name" falls back to the name and "error" raises an error.
    of_inner_taxa: whether the classes are the genera, families, … of another tree, which a head needs texts of. Descriptors
        are usually of species, so those without any take their names, even if all of them do.
    """

    taxonomy: Taxonomy
    classes: Sequence[int]
    language: str = "en"
    descriptors: DescriptorSet | None = None
    missing: str = "name"
    of_inner_taxa: bool = False
