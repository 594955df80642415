"""Builds the text bank of a recipe's classes, from published embeddings or from the recipe's text builders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bioclip_x.classes.recipe_classes import Classes
from bioclip_x.hooks.components import LoadedEncoder, TextBuilder
from bioclip_x.models import Family, load_own_classes
from bioclip_x.prompts import DescriptorSet
from bioclip_x.recipe import Recipe
from bioclip_x.records import TextBank
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.class_prompts import make_text_request, write_prompts
from bioclip_x.text_bank.half_precision import LARGE, add_half_precision, drop_needless_half
from bioclip_x.text_bank.inner_taxa import InnerTaxaBank, embed_inner_taxa
from bioclip_x.text_bank.mean_text import add_mean
from bioclip_x.text_bank.published import PublishedPrompts, load_published_bank
from bioclip_x.text_bank.subset import append_bank, select_bank_classes

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ClassBanks:
    """The banks of one classifier.

    bank: at least one prompt per class. inner: the bank of the taxa above the classes, for heads that need it.
    notes: for outputs.
    """

    bank: TextBank
    inner: InnerTaxaBank | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BankBuilder:
    """Builds the banks of a recipe.

    family, encoder: of the model. builders: the recipe's text builders. descriptors: the recipe's, None for the model's own.
    is_default_text: whether the recipe uses the default text builder; a model's own class list then uses its published
    embeddings. cache: folder of banks. code: identifies the code of the encoder and the text
    builders. progress: called with (texts embedded, total texts).
    """

    recipe: Recipe
    family: Family
    encoder: LoadedEncoder
    builders: Sequence[TextBuilder]
    descriptors: DescriptorSet | None
    is_default_text: bool
    cache: Path
    code: str
    progress: Progress

    def build(self, classes: Classes, *, with_inner_taxa: bool) -> ClassBanks:
        """Builds the bank of the classes and, if needed, that of the inner taxa."""
        bank, notes = self._load_published(classes) or self._write(classes, first=0)
        if self.recipe.explain:
            bank = add_mean(bank, self.cache)
        inner = None
        if with_inner_taxa and len(classes.tree.inner_taxa):
            inner = embed_inner_taxa(
                self.encoder,
                self.builders,
                classes.tree,
                self.recipe,
                self.descriptors,
                cache=self.cache,
                code=self.code,
                progress=self.progress,
            )
        return ClassBanks(bank, inner, (*notes, *(inner.notes if inner else ())))

    def _load_published(self, classes: Classes) -> tuple[TextBank, tuple[str, ...]] | None:
        """Loads the embeddings published with the model's class list; None if there are none or the recipe sets others."""
        if not classes.own or not classes.own.text or not self.is_default_text:
            return None
        own = load_own_classes(self.family, self.recipe.model, embeddings=True)
        if not own or not own.embeddings:
            return None
        bank, notes = load_published_bank(
            self.encoder,
            own,
            classes.whole,
            pooling=self.recipe.pooling,
            cache=self.cache,
            code=self.code,
            progress=self.progress,
        )
        bank = self._apply_precision(bank)
        if classes.is_subset:
            bank = select_bank_classes(bank, classes.of_whole, partial(PublishedPrompts, classes.tree, own))
            bank = drop_needless_half(bank)
        if bank.n_classes < classes.tree.n_classes:  # labels beside the tree
            written, more = self._write(classes, first=bank.n_classes)
            bank, notes = append_bank(bank, written), (*notes, *more)
        return bank, notes

    def _write(self, classes: Classes, first: int) -> tuple[TextBank, tuple[str, ...]]:
        """Writes and embeds the prompts of the classes from `first` on."""
        request = make_text_request(classes.tree, self.recipe, self.encoder.card, self.descriptors)
        written = write_prompts(self.builders, replace(request, classes=range(first, classes.tree.n_classes)))
        bank = build_bank(
            self.encoder,
            written.prompts,
            classes.tree.n_classes,
            pooling=self.recipe.pooling,
            cache=self.cache,
            code=self.code,
            progress=self.progress,
        )
        return self._apply_precision(bank), written.notes

    def _apply_precision(self, bank: TextBank) -> TextBank:
        is_needed = self.recipe.bank_precision == "fp16" and len(bank.owner_P) > LARGE
        return add_half_precision(bank, self.cache) if is_needed else bank
