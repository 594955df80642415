"""The texts of all classes, embedded: published with the model's own list, or written by the recipe's text builders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bioclip_x.classes.recipe_classes import Classes
from bioclip_x.components import Encoder, Head, LoadedEncoder, TextBuilder
from bioclip_x.models import own_classes
from bioclip_x.prompts import DescriptorSet
from bioclip_x.recipe import Recipe
from bioclip_x.records import TextBank
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.class_prompts import text_request, write_prompts
from bioclip_x.text_bank.half_precision import halved
from bioclip_x.text_bank.inner_taxa import InnerTexts, inner_texts
from bioclip_x.text_bank.published import PublishedPrompts, published_bank
from bioclip_x.text_bank.subset import part_of_bank

DEFAULT_TEXT: Final = Recipe.model_fields["text"].default
"""Where a model's own classes come embedded, this text means their embeddings."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ClassTexts:
    """bank: a text or more for every class. inner: texts of the taxa above, for a head that asks for them. notes: for outputs."""

    bank: TextBank
    inner: InnerTexts | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writing:
    """How texts come to be: family, encoder: of the model. builders: the recipe's. descriptors: the recipe's, None for the
    model's own. cache: a folder for banks. progress: called with (texts embedded, texts in all)."""

    recipe: Recipe
    family: Encoder
    encoder: LoadedEncoder
    builders: Sequence[TextBuilder]
    descriptors: DescriptorSet | None
    cache: Path
    progress: Progress

    def texts_of(self, classes: Classes, head: Head) -> ClassTexts:
        """All the texts that scoring needs."""
        bank, notes = self._published(classes) or self._written(classes)
        inner = None
        if getattr(head, "needs_inner_texts", False) and len(classes.tree.inner_taxa):
            inner = inner_texts(
                self.encoder,
                self.builders,
                classes.tree,
                self.recipe,
                self.descriptors,
                cache=self.cache,
                progress=self.progress,
            )
        return ClassTexts(bank, inner, (*notes, *(inner.notes if inner else ())))

    def _published(self, classes: Classes) -> tuple[TextBank, tuple[str, ...]] | None:
        """Where the model's own list comes embedded, and no other texts are asked for."""
        if not classes.own or not classes.own.text or self.recipe.text != DEFAULT_TEXT:
            return None
        own = own_classes(self.family, self.recipe.model, embeddings=True)
        if not own or not own.embeddings:
            return None
        bank, notes = published_bank(
            self.encoder,
            own,
            classes.whole,
            pooling=self.recipe.pooling,
            cache=self.cache,
            progress=self.progress,
        )
        bank = self._at_precision(bank)
        if classes.is_part:
            bank = part_of_bank(bank, classes.of_whole, partial(PublishedPrompts, classes.tree, own))
        return bank, notes

    def _written(self, classes: Classes) -> tuple[TextBank, tuple[str, ...]]:
        request = text_request(classes.tree, self.recipe, self.encoder.card, self.descriptors)
        texts = write_prompts(self.builders, request)
        bank = build_bank(
            self.encoder,
            texts.prompts,
            classes.tree.n_classes,
            pooling=self.recipe.pooling,
            cache=self.cache,
            progress=self.progress,
        )
        return self._at_precision(bank), texts.notes

    def _at_precision(self, bank: TextBank) -> TextBank:
        return halved(bank, self.cache) if self.recipe.bank_precision == "fp16" else bank
