"""Embeddings for output files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bioclip_x.records.result import PluginInUse

if TYPE_CHECKING:
    import numpy as np

MODEL_FIELDS: Final = ("model", "encoder", "device", "precision")
"""The recipe fields that affect every embedding; the fields below affect those of images or of classes."""
IMAGE_FIELDS: Final = ("preprocess", "truncated", "full_decoding", "batch_size", "workers")
CLASS_FIELDS: Final = ("taxonomy", "taxonomy_format", "labels", "subset", "text", "language", "descriptors", "missing")


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding of one image or text.

    about: the row's other columns, in the order of the provenance's `columns`; "" for no value.
    vector_D: float32 [D], finite; None for an image without an embedding, with the reason in `about["error"]`.
    """

    about: Mapping[str, str]
    vector_D: np.ndarray | None


@dataclass(frozen=True, slots=True)
class EmbeddingProvenance:
    """The provenance stored in every file of embeddings.

    of: "pictures", "texts" or "classes" (of a taxonomy, each by its texts).
    columns: of each row, the same for all; the first identifies the row.
    normalised: whether the vectors are L2-normalised, or as the model returns them. dim: D.
    preprocessing: how images were resized and normalised; None for texts.
    recipe: the fields that affect the embeddings; valid for `--recipe`. plugins: those that it uses.
    sources: `count` and `sha256` of the rows' names, in files; None on standard output, where they are not known in advance.
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
    plugins: tuple[PluginInUse, ...] = ()
    sources: Mapping[str, Any] | None = None
