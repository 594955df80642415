"""Texts of inner taxa, for heads that weigh a genus by what is said of the genus itself.

Legend: B images, M inner taxa.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.components import LoadedEncoder, Scorer, TextBuilder
from bioclip_x.prompts import DescriptorSet
from bioclip_x.recipe import Recipe
from bioclip_x.records import ImageFeatures, ModelCard, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.editing.restrict import inner_tree
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.class_prompts import text_request, write_prompts


@dataclass(frozen=True, eq=False)
class InnerTexts:
    """bank: of the inner taxa, each a class there. place_M: int64 [M], the class there of each of `Taxonomy.inner_taxa`.

    notes: what the text builders had to say.
    """

    bank: TextBank
    place_M: npt.NDArray[np.int64]
    notes: tuple[str, ...]

    def logits(self, scorer: Scorer, features: ImageFeatures, card: ModelCard) -> torch.Tensor:
        """float32 [M, B], in the order of `Taxonomy.inner_taxa`."""
        return scorer.logits(features, self.bank, card).part(0, self.bank.n_classes)[torch.from_numpy(self.place_M)]


def inner_texts(
    encoder: LoadedEncoder,
    builders: Sequence[TextBuilder],
    taxonomy: Taxonomy,
    recipe: Recipe,
    descriptors: DescriptorSet | None,
    *,
    cache: Path | None,
    progress: Callable[[int, int], None],
) -> InnerTexts:
    """What the recipe's text builders write of the inner taxa, embedded."""
    tree, place_M = inner_tree(taxonomy)
    texts = write_prompts(builders, text_request(tree, recipe, encoder.card, descriptors))
    bank = build_bank(encoder, texts.prompts, tree.n_classes, pooling=recipe.pooling, cache=cache, progress=progress)
    return InnerTexts(bank, place_M, tuple(f"inner taxa: {note}" for note in texts.notes))
