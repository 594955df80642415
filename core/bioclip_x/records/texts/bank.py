"""The embedded prompts of all classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch

    from bioclip_x.records.texts.prompt import Prompt


@dataclass(frozen=True, slots=True)
class TextBank:
    """The embeddings of all prompts, sorted by class.

    prompts: P prompts, class indices non-decreasing; every class has at least one.
    embeddings_PD: float32 [P, D], rows L2-normalised.
    owner_P: int64 [P], the class of each prompt.
    weight_P: float32 [P], positive; relative within a class.
    n_classes: C.
    pooling: how a class's prompts are pooled: "mean" (CBD), "ensemble" (CLIP's) or "max".
    key: hash of the model, its tokenizer and precision, the prompts, and the version of the code of encoder and text
        builders; the bank's name in the cache. content: the same without the code, which is what a calibration is valid for.
    half_PD: float16 [P, D], the same embeddings, used for the products with images to save memory; `embeddings_PD` is then
        memory-mapped and read only for the best classes. None otherwise.
    truncated: number of prompts longer than the model's context.
    mean_D: float64 [D], the mean over classes of their weighted mean embeddings, not re-normalised; the baseline of
        explanations. None if no explanation is requested.
    device: where the products with images are to be computed: that of the model. All tensors of the record are on the CPU.
    """

    prompts: Sequence[Prompt]
    embeddings_PD: torch.Tensor
    owner_P: np.ndarray
    weight_P: np.ndarray
    n_classes: int
    pooling: str
    key: str
    truncated: int = 0
    half_PD: torch.Tensor | None = None
    mean_D: torch.Tensor | None = None
    content: str = ""
    device: str = "cpu"

    def of_class(self, class_index: int) -> slice:
        """Returns the rows of one class."""
        start, stop = self.owner_P.searchsorted([class_index, class_index + 1])
        return slice(int(start), int(stop))
