"""Embeddings to be written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

MODEL_FIELDS: Final = ("model", "encoder", "device", "precision")
"""The fields of the recipe that have a part in every embedding; those below have one in some."""
PICTURE_FIELDS: Final = ("preprocess", "batch_size", "workers")
CLASS_FIELDS: Final = ("taxonomy", "taxonomy_format", "labels", "subset", "text", "language", "descriptors", "missing")


@dataclass(frozen=True, slots=True)
class Embedding:
    """One image's or one text's.

    about: what it is of, by column, in the order of the provenance's `columns`; "" where there is nothing to say.
    vector_D: float32 [D], finite; None for an image that has none, of which `about["error"]` tells why.
    """

    about: Mapping[str, str]
    vector_D: np.ndarray | None


@dataclass(frozen=True, slots=True)
class EmbeddingProvenance:
    """What every file of embeddings carries.

    of: "images", "texts" or "classes" (a taxonomy's, each by its texts).
    columns: of each row, the first of which names it; the same for all rows.
    normalised: whether the vectors have length 1, or are as the model gave them. dim: D.
    preprocessing: how images were resized and normalised; None for texts.
    recipe: the fields that had a part in it; `--recipe` takes them.
    """

    version: str
    model: str
    revision: str
    demo: str
    of: str
    columns: tuple[str, ...]
    dim: int
    normalised: bool
    precision: str
    preprocessing: Mapping[str, Any] | None
    taxonomy: str
    recipe: Mapping[str, Any]
    notes: tuple[str, ...] = ()
