"""Known models, before they are loaded, and the lists of classes that come with some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model with a short name.

    name: for --model. source: the full name. summary: one line for listings.
    architecture: as its family calls it. dim: D, of its embeddings.
    image_size: pixels per side. resize: "shortest", "squash" or "longest", according to its configuration.
    licence: of the weights. classes: short description of the list of classes that comes with it; "" for none.
    is_cached: whether its weights are on this machine. classes_cached: whether its list and the list's embeddings are;
        None if it has none.
    facts: all recorded properties of the model, with their sources.
    encoder: the family that loads it, for models that a plugin provides with the hook `models`; "" for a family's own.
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
class OwnRecipe:
    """Recipe fields that a model brings, used where a recipe does not set them: the texts that it was trained on.

    fields: among `recipe.MODEL_FIELDS`. folder: of the model, which the paths among their options are relative to, and inside.
    where: what names the fields, for errors.
    """

    fields: Mapping[str, Any]
    folder: Path
    where: str


@dataclass(frozen=True, slots=True)
class OwnClasses:
    """The list of classes that comes with a model and, for some models, the embeddings of its texts.

    taxonomy: a file for a taxonomy reader. reader: that reader's name, or None to detect it from the content.
    source: origin of both, with the commit ("imageomics/TreeOfLife-200M@5f2d…").
    embeddings: .npy, floating point [D, R], one column per row of the taxonomy file, in order; None if there are none, or
        none were requested.
    text, text_with_common: the texts that were embedded, with {lineage} and {common} as placeholders.
    """

    taxonomy: Path
    source: str = ""
    reader: str | None = None
    embeddings: Path | None = None
    text: str = ""
    text_with_common: str = ""
