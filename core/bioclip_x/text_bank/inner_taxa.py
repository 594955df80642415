"""Builds the bank of the inner taxa, for heads that need logits of genera, families, … from their own prompts.

Legend: B images, T inner taxa.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.hooks.components import LoadedEncoder, Scorer, TextBuilder
from bioclip_x.prompts import DescriptorSet
from bioclip_x.recipe import Recipe
from bioclip_x.records import ImageFeatures, ModelCard, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.editing.restrict import make_inner_tree
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.class_prompts import make_text_request, write_prompts


@dataclass(frozen=True, eq=False)
class InnerTaxaBank:
    """The embedded prompts of the inner taxa.

    bank: its classes are the inner taxa. taxonomy: the tree of these classes. class_T: int64 [T], the class of each of
    `Taxonomy.inner_taxa`. notes: of the text builders.
    """

    bank: TextBank
    taxonomy: Taxonomy
    class_T: npt.NDArray[np.int64]
    notes: tuple[str, ...]

    def logits(self, scorer: Scorer, features: ImageFeatures, card: ModelCard) -> torch.Tensor:
        """Computes the logits, float32 [T, B], in the order of `Taxonomy.inner_taxa`."""
        logits = scorer.logits(features, self.bank, card, self.taxonomy)
        return logits.cpu().part(0, self.bank.n_classes)[torch.from_numpy(self.class_T)]


def embed_inner_taxa(
    encoder: LoadedEncoder,
    builders: Sequence[TextBuilder],
    taxonomy: Taxonomy,
    recipe: Recipe,
    descriptors: DescriptorSet | None,
    *,
    cache: Path | None,
    code: str,
    progress: Callable[[int, int], None],
) -> InnerTaxaBank:
    """Embeds the prompts that the recipe's text builders write for the inner taxa. code: as for `build_bank`.

    With descriptors, these are the taxa's own or inherited ones, else their names; the notes say which.
    """
    tree, class_T = make_inner_tree(taxonomy)
    request = replace(make_text_request(tree, recipe, encoder.card, descriptors), missing="name", of_inner_taxa=True)
    written = write_prompts(builders, request)
    bank = build_bank(
        encoder, written.prompts, tree.n_classes, pooling=recipe.pooling, cache=cache, code=code, progress=progress
    )
    notes = tuple(f"taxa above the classes: {note}" for note in written.notes)
    return InnerTaxaBank(bank, tree, class_T, notes)
