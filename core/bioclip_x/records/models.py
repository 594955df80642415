"""Models by name, before they are loaded, and the lists of classes that some bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be asked for by a short name.

    name: what --model takes. source: the same in full. summary: one line for people.
    architecture: in its family's own terms. dim: D, of its embeddings.
    image_size: pixels a side. resize: "shortest", "squash" or "longest", as its own configuration says.
    licence: of the weights. classes: the list of classes that it brings, in a few words; "" for none.
    is_cached: whether its weights lie on this machine. classes_cached: whether its list and the list's embeddings do;
        None where it brings none.
    facts: all that is written down about it, with the sources.
    encoder: the family that loads it, for models that a plugin provides by its hook `models`; "" for a family's own.
    """

    name: str
    source: str
    summary: str
    architecture: str
    dim: int
    image_size: int
    resize: str
    licence: str
    classes: str
    is_cached: bool
    classes_cached: bool | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    encoder: str = ""


@dataclass(frozen=True, slots=True)
class OwnClasses:
    """The list of classes that comes with a model, and, for some, the embeddings of its texts.

    taxonomy: a file that a taxonomy reader reads. reader: that reader's name, or None to look at the content.
    source: where both come from, with the commit ("imageomics/TreeOfLife-200M@5f2d…").
    embeddings: .npy, floating point [D, R], a column for each of the taxonomy file's R rows, in their order; None where
        there are none, or none were asked for.
    text, text_with_common: what a column was made from, {lineage} and {common} standing for the names.
    """

    taxonomy: Path
    source: str = ""
    reader: str | None = None
    embeddings: Path | None = None
    text: str = ""
    text_with_common: str = ""
