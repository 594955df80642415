"""The classifier: a recipe made into components, and pictures run through them.

sources → decoded batches → encoder → scorer (with its text bank) → head → predictions and explanation
"""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.components import Encoder, Head, LoadedEncoder, OwnScores, Scorer, TextBuilder
from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.paths import cache_folder
from bioclip_x.pipeline import explain as explaining
from bioclip_x.pipeline import predict
from bioclip_x.pipeline.adjust import adjustments_of
from bioclip_x.pipeline.bank import build_bank
from bioclip_x.pipeline.calibrated import calibrated, conditions_of, depth_options
from bioclip_x.pipeline.elsewhere import NoEncoder, all_pictures, no_texts, undecoded
from bioclip_x.pipeline.encoders import load_encoder, own_classes
from bioclip_x.pipeline.halves import halved
from bioclip_x.pipeline.inner import InnerTexts, inner_texts
from bioclip_x.pipeline.part import part_of, part_of_bank
from bioclip_x.pipeline.published import PublishedPrompts, published_bank
from bioclip_x.pipeline.sources import check, expand
from bioclip_x.pipeline.stream import batches
from bioclip_x.pipeline.taxonomies import listed_taxonomy, own_taxonomy, read_taxonomy
from bioclip_x.pipeline.texts import text_request, write_prompts
from bioclip_x.prompts import DescriptorSet, load_descriptors
from bioclip_x.recipe import Recipe, resolve_recipe
from bioclip_x.records import (
    Conditions,
    Decoded,
    ImageFeatures,
    Logits,
    OwnClasses,
    Provenance,
    Result,
    Scores,
    Source,
    TextBank,
)
from bioclip_x.registry import Registry, create_registry, from_environment
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.crosswalk import Crosswalk
from bioclip_x.wording import some

if TYPE_CHECKING:
    from bioclip_x.pipeline.sources import ImageLike

DEFAULT_TEXT: Final = Recipe.model_fields["text"].default
"""Where a model's own classes come embedded, this text means their embeddings."""
NODES_AT_A_TIME: Final = 1 << 24
"""Shares of pictures times held nodes that there are at once (eight bytes each, and some more)."""
MOST_BEST: Final = 16
"""Best classes of which a head tells the shares, or as many as are asked for: explanations look for a taxon's best class
among them."""


class Classifier:
    """Names what is in pictures, and says why.

        Classifier(plugins=["descriptors"]).classify("examples/drawings")

    model, and every other field of `Recipe`, by keyword, as the command line's flags; `plugins` as `--plugin`, `recipe`
    as `--recipe`, or a `Recipe` that is already resolved; `taxonomy` a file, or a `Taxonomy`. Raises BioclipXError
    for anything wrong with the request.

    recipe: the resolved recipe. taxonomy: the tree of classes. bank: the embedded texts. encoder: the loaded model.
    provenance: what every output carries.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        plugins: Sequence[str] = (),
        taxonomy: Taxonomy | str | os.PathLike[str] | None = None,
        recipe: Recipe | str | os.PathLike[str] | None = None,
        registry: Registry | None = None,
        cache: Path | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
        **fields: Any,
    ) -> None:
        registry = registry or _registry(plugins)
        given = taxonomy if isinstance(taxonomy, Taxonomy) else None
        flags = {"model": model, "taxonomy": None if given else taxonomy, **fields}
        if given and flags.get("labels"):
            raise RecipeError("labels and a taxonomy were both given; give one")
        recipe = self.recipe = _recipe(registry, recipe, plugins, flags)
        self.scorer: Scorer = registry.make("scorers", recipe.scorer.name, recipe.scorer.options)
        self.head: Head = registry.make("heads", recipe.head.name, recipe.head.options)
        if recipe.rank and getattr(self.head, "chooses_rank", False):
            raise RecipeError(
                f"the head {recipe.head.name!r} chooses by itself what to report; leave out the rank {recipe.rank!r}, or "
                "take the head 'rollup'"
            )
        builders = [registry.make("text_builders", ref.name, ref.options) for ref in recipe.text]
        family: Encoder = registry.make("encoders", recipe.encoder.name, recipe.encoder.options)
        if recipe.depth and recipe.calibration == "none":
            depth_options(recipe, None)
        # All that can be wrong without the model is found out before it, since a model can be a long download.
        listed = given or listed_taxonomy(registry, recipe)
        if listed is None and self.own_scores:
            raise RecipeError(
                f"the scorer {recipe.scorer.name!r} brings no list of classes: give --taxonomy FILE or --labels"
            )
        own = own_classes(family, recipe.model, embeddings=False) if listed is None else None
        self._whole = listed or own_taxonomy(registry, recipe.model, own)
        self._part = part_of(registry, recipe.subset, self._whole)
        self.taxonomy = self._part.tree
        self._is_own_list = listed is None
        self._candidates = predict.candidates(self.taxonomy, recipe.rank)
        self._adjustments = adjustments_of(registry, recipe, self.taxonomy)
        trees = cache_folder() / "taxonomies"
        there = read_taxonomy(registry, recipe.report_as, cache=trees) if recipe.report_as else None
        self._crosswalk = Crosswalk(self.taxonomy, there) if there else None
        told = (*self._adjustments.notes(), *(self._crosswalk.notes() if self._crosswalk else ()))
        if self.own_scores:
            told = (*told, *self.own_scores.prepare(self.taxonomy))
        descriptors = load_descriptors(recipe.descriptors) if recipe.descriptors else None
        self.encoder: LoadedEncoder = NoEncoder(self.own_scores) if self.own_scores else load_encoder(family, recipe)
        self.bank, notes = self._embedded(
            family, builders, descriptors, own, cache or cache_folder() / "banks", progress
        )
        self._inner = self._inner_texts(builders, descriptors, cache or cache_folder() / "banks", progress)
        notes = (*notes, *(self._inner.notes if self._inner else ()))
        self._calibrated = calibrated(recipe, self.conditions, self.encoder.card, self.head)
        if recipe.depth:
            told_depth = depth_options(recipe, self._calibrated.calibration)
            self.head = registry.make("heads", recipe.head.name, recipe.head.options | told_depth)
        self.provenance = self._provenance((*told, *notes))

    def _embedded(
        self,
        family: Encoder,
        builders: Sequence[TextBuilder],
        descriptors: DescriptorSet | None,
        own: OwnClasses | None,
        cache: Path,
        progress: Callable[[int, int], None],
    ) -> tuple[TextBank, tuple[str, ...]]:
        """The texts of all classes: published with the model's own list where it has that, else written and embedded."""
        pooling = self.recipe.pooling
        if self.own_scores:
            return no_texts(self.taxonomy.n_classes, pooling), ()
        if own and own.text and self.recipe.text == DEFAULT_TEXT:
            own = own_classes(family, self.recipe.model, embeddings=True)
            if own and own.embeddings:
                bank, notes = published_bank(
                    self.encoder, own, self._whole, pooling=pooling, cache=cache, progress=progress
                )
                return self._of_part(self._halved(bank, cache), own), notes
        texts = write_prompts(builders, text_request(self.taxonomy, self.recipe, self.encoder.card, descriptors))
        n_classes = self.taxonomy.n_classes
        bank = build_bank(self.encoder, texts.prompts, n_classes, pooling=pooling, cache=cache, progress=progress)
        return self._halved(bank, cache), texts.notes

    def _halved(self, bank: TextBank, cache: Path) -> TextBank:
        return halved(bank, cache) if self.recipe.bank_precision == "fp16" else bank

    def _inner_texts(
        self,
        builders: Sequence[TextBuilder],
        descriptors: DescriptorSet | None,
        cache: Path,
        progress: Callable[[int, int], None],
    ) -> InnerTexts | None:
        """Texts of inner taxa, for a head that asks for them and a tree that has such taxa."""
        if not getattr(self.head, "needs_inner_texts", False) or not len(self.taxonomy.inner_taxa):
            return None
        if self.own_scores:
            raise RecipeError(
                f"the head {self.recipe.head.name!r} weighs texts of inner taxa, for which the scorer "
                f"{self.recipe.scorer.name!r} has no scores; take another head"
            )
        return inner_texts(
            self.encoder, builders, self.taxonomy, self.recipe, descriptors, cache=cache, progress=progress
        )

    def _of_part(self, bank: TextBank, own: OwnClasses) -> TextBank:
        """Only the subset's rows of what is published for all classes."""
        if self.taxonomy is self._whole:
            return bank
        return part_of_bank(bank, self._part.classes, partial(PublishedPrompts, self.taxonomy, own))

    @property
    def conditions(self) -> Conditions:
        """What a calibration of this classifier holds for."""
        return conditions_of(self.encoder.card, self.recipe, self.taxonomy, self.bank)

    @property
    def own_scores(self) -> OwnScores | None:
        """The scorer, if it needs no embeddings."""
        return None if getattr(self.scorer, "needs_encoder", True) else cast(OwnScores, self.scorer)

    def _provenance(self, notes: Sequence[str]) -> Provenance:
        card, bank = self.encoder.card, self.bank
        unread = self.recipe.descriptors and not any(prompt.phrase for prompt in bank.prompts)
        unused = [f"{self.recipe.descriptors} is not used: no text builder chosen reads descriptors"] if unread else []
        told = [*self.taxonomy.notes, *notes, *unused, *_doubts(self.taxonomy, self.recipe.language)]
        if card.demo and not self._is_own_list:
            told.append(f"{card.name} is a demonstration: its shares say little about classes other than its own")
        cut = f"{bank.truncated} of {len(bank.prompts)} texts are longer than the model's {card.context_length} tokens"
        return Provenance(
            version=__version__,
            model=card.name,
            revision=card.revision,
            demo=card.demo,
            taxonomy=f"{self.taxonomy.source} ({self.taxonomy.fingerprint})",
            n_classes=self.taxonomy.n_classes,
            n_prompts=len(bank.prompts),
            recipe=self.recipe.dump(),
            notes=(*told, *self._calibrated.notes, *([f"{cut} and were cut"] if bank.truncated else [])),
            **self._calibrated.probabilities,
            ranks=tuple(self.taxonomy.rank_tables or (self._crosswalk.there.rank_tables if self._crosswalk else ())),
        )

    def classify(
        self, images: ImageLike | Iterable[ImageLike] | None, *, thumbnails: bool = False, stdin: TextIO | None = None
    ) -> Iterator[Result]:
        """One result per picture, in order, as they are ready; a picture that cannot be read is a result with an error.

        Raises ImageError at once for a folder or pattern that holds no picture.

        images: a path, folder, glob, PIL image or array [H, W, 3] (uint8, or floating point in [0, 1]), or many of them; None
            for all that a scorer has scores of its own for.
        thumbnails: put a small JPEG of each picture into its result, for reports.
        stdin: where "-" reads its list of paths from.
        """
        if images is None:
            return self._classify(all_pictures(self.own_scores, self.recipe.scorer.name), thumbnails)
        many: Any = images if isinstance(images, Iterable) and not _is_one(images) else [images]
        if isinstance(many, Sequence):
            check(many)
        return self._classify(expand(many, stdin), thumbnails)

    def _classify(self, sources: Iterable[Source], thumbnails: bool) -> Iterator[Result]:
        size = self.recipe.batch_size
        if self.own_scores:
            decoded = undecoded(sources, self.own_scores, batch_size=size, with_thumbnail=thumbnails)
        else:
            decoded = batches(
                sources,
                self.encoder.preprocess,
                batch_size=size,
                workers=self.recipe.workers,
                with_thumbnail=thumbnails,
            )
        for batch in decoded:
            yield from self._classify_batch(batch)

    @torch.inference_mode()
    def _classify_batch(self, batch: Sequence[Decoded]) -> Iterator[Result]:
        readable = [one for one in batch if one.pixels is not None]
        rows = max(1, NODES_AT_A_TIME // len(self.taxonomy.held_nodes))  # few, where the list is the tree of life
        parts = (readable[start : start + rows] for start in range(0, len(readable), rows))
        decided = chain.from_iterable(map(self._decide, parts))
        for one in batch:
            found = Result(one.source.name, error=one.error) if one.pixels is None else next(decided)
            yield self._crosswalk.report(found) if self._crosswalk else found

    def _decided(self, logits: Logits) -> Scores:
        """The head's decision, held against what a head must return: it may be anybody's."""
        scores = self.head.decide(logits, self.taxonomy)
        wanted = (logits.n_images, len(self.taxonomy.held_nodes))
        got = tuple(scores.log_probs_BI.shape) if isinstance(scores, Scores) else type(scores).__name__
        if got != wanted:
            raise PluginError(
                f"the head {self.recipe.head.name!r} must return Scores with log_probs_BI of shape {wanted} (pictures, "
                f"held nodes of the tree); it returned {got}"
            )
        return scores

    def logits(self, features: ImageFeatures, sources: Sequence[Source]) -> Logits:
        """The scorer's class logits of some pictures, adjusted, before any calibration."""
        named = replace(features, names=tuple(source.name for source in sources))
        found = replace(self.scorer.logits(named, self.bank, self.encoder.card), k=max(MOST_BEST, self.recipe.k))
        if self._inner:
            found = replace(found, inner_IB=self._inner.logits(self.scorer, features, self.encoder.card))
        return self._adjustments.of(found, sources)

    def _decide(self, batch: Sequence[Decoded]) -> list[Result]:
        features = self.encoder.encode_images(torch.stack([one.pixels for one in batch if one.pixels is not None]))
        logits, peaks = self._calibrated.applied(self.logits(features, [one.source for one in batch]))
        scores = self._decided(logits)
        refused_B = self._calibrated.refusals(features.refused_B, peaks)
        best = predict.top_nodes(self.taxonomy, scores, self._candidates, max(2, self.recipe.k))  # two, for the margin
        winners = predict.best_at_ranks(self.taxonomy, scores)
        results = []
        for row, one in enumerate(batch):
            seen = Result(one.source.name, width=one.width, height=one.height, thumbnail=one.thumbnail)
            if refused_B[row]:
                results.append(replace(seen, refused=refused_B[row]))
                continue
            shares = predict.Shares(self.taxonomy, scores, row)
            nodes = [node for node in best[row] if shares.log(node) > -math.inf]  # those that an adjustment left
            if nodes[0] == 0:  # the root is no answer
                results.append(replace(seen, refused=predict.undecided(self.taxonomy, shares)))
                continue
            two = predict.compared(self.taxonomy, shares, nodes)
            sides = [explaining.side(self.taxonomy, logits, row, shares, node) for node in two]
            named = replace(
                seen,
                predictions=tuple(predict.prediction(self.taxonomy, shares, node) for node in nodes[: self.recipe.k]),
                ranks=predict.rank_winners(
                    self.taxonomy, shares, [(rank, found[row]) for rank, found in winners], nodes[0]
                ),
                explanation=explaining.explain(
                    self.taxonomy, self.bank, self.scorer, self._calibrated.card, features.embeddings_BD[row], sides
                ),
            )
            results.append(named)
        return results


def _doubts(taxonomy: Taxonomy, language: str) -> Iterator[str]:
    """What a reader of the results might trip over: names that several classes bear, a language without names."""
    nodes = np.flatnonzero(taxonomy.class_of_N >= 0).tolist()
    shared = [name for name, times in Counter(taxonomy.names[n] for n in nodes).items() if times > 1]
    if shared:
        yield f"{len(shared)} names are borne by several classes, told apart by their paths: {some(shared)}"
    languages = taxonomy.languages
    if languages and language not in languages:
        yield f"no class has a common name in language {language!r}; there are names in {some(sorted(languages))}"


def _registry(plugins: Sequence[str]) -> Registry:
    """All that is installed, as the environment wants it; a broken plugin is a warning."""
    registry = create_registry(plugins, **from_environment())
    for message in registry.warnings:
        warnings.warn(message, stacklevel=3)
    return registry


def _recipe(
    registry: Registry, recipe: Recipe | str | os.PathLike[str] | None, plugins: Sequence[str], flags: dict[str, Any]
) -> Recipe:
    if not isinstance(recipe, Recipe):
        file = Path(recipe) if recipe is not None else None
        return resolve_recipe(registry, file=file, plugins=registry.load(plugins), flags=flags)
    beside = [name for name, value in flags.items() if value is not None] + ["plugins"] * bool(plugins)
    if beside:
        raise RecipeError(f"a resolved recipe was given, and {', '.join(beside)} beside it; change the recipe instead")
    return recipe


def _is_one(images: Any) -> bool:
    return isinstance(images, str | os.PathLike) or hasattr(images, "__array_interface__")
