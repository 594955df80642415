"""The classifier: a recipe made into components, and pictures run through them.

sources → decoded batches → encoder → scorer (with its text bank) → head → predictions and explanation
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from bioclip_x.classes.recipe_classes import find_classes
from bioclip_x.components import Encoder, Head, LoadedEncoder, OwnScores, Scorer
from bioclip_x.errors import RecipeError
from bioclip_x.explain.contrast import asked_node
from bioclip_x.explain.explanation import explainer_of
from bioclip_x.explain.heat_maps import heat_mapper_of
from bioclip_x.images.loading import batches
from bioclip_x.images.sources import check, expand
from bioclip_x.inference.batches import Decider
from bioclip_x.inference.calibration import calibrated, conditions_of, depth_options
from bioclip_x.inference.precomputed import NoEncoder, all_pictures, no_texts, undecoded
from bioclip_x.inference.provenance import provenance_of
from bioclip_x.models import load_encoder
from bioclip_x.prediction.ranking import reportable_nodes
from bioclip_x.prompts import load_descriptors
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Conditions, ImageFeatures, Logits, Result, Source, TextBank
from bioclip_x.registry import Registry, create_registry, from_environment
from bioclip_x.settings import cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.text_bank.build import ClassTexts, Writing

if TYPE_CHECKING:
    from bioclip_x.images.sources import ImageLike


class Classifier:
    """Names what is in pictures, and says why.

        Classifier(plugins=["descriptors"]).classify("examples/drawings")

    model, and every other field of `Recipe`, by keyword, as the command line's flags; `plugins` as `--plugin`, `recipe`
    as `--recipe`, or a `Recipe` that is already resolved; `taxonomy` a file, or a `Taxonomy`. Raises BioclipXError
    for anything wrong with the request.

    loaded: the recipe's model where another classifier has loaded it: its `encoder`.

    recipe: the resolved recipe. taxonomy: the tree of classes. bank: the embedded texts. encoder: the loaded model. scorer,
    head: as they were made. provenance: what every output carries.
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
        loaded: LoadedEncoder | None = None,
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
        _refuse_contradictions(recipe, self.head, self.own_scores)
        # All that can be wrong without the model is found out before it, since a model can be a long download.
        builders = [registry.make("text_builders", ref.name, ref.options) for ref in recipe.text]
        family: Encoder = registry.make("encoders", recipe.encoder.name, recipe.encoder.options)
        classes = find_classes(registry, recipe, family, self.own_scores, given)
        self.taxonomy = classes.tree
        candidates = reportable_nodes(self.taxonomy, recipe.rank)
        asked = asked_node(self.taxonomy, recipe.why_not) if recipe.why_not is not None else None
        descriptors = load_descriptors(recipe.descriptors) if recipe.descriptors else None
        notes = tuple(self.own_scores.prepare(self.taxonomy)) if self.own_scores else ()
        self.encoder: LoadedEncoder = (
            NoEncoder(self.own_scores) if self.own_scores else loaded or load_encoder(family, recipe)
        )
        if self.own_scores:
            texts = ClassTexts(no_texts(self.taxonomy.n_classes, recipe.pooling), notes=notes)
        else:
            banks = cache or cache_folder() / "banks"
            writing = Writing(recipe, family, self.encoder, builders, descriptors, banks, progress)
            texts = writing.texts_of(classes, self.head)
        self.bank = texts.bank
        calibration = calibrated(recipe, self.conditions, self.encoder.card, self.head)
        if recipe.depth:
            depth = depth_options(recipe, calibration.calibration)
            self.head = registry.make("heads", recipe.head.name, recipe.head.options | depth)
        self.provenance = provenance_of(recipe, classes, texts, self.encoder.card, calibration)
        explainer = explainer_of(recipe, self.taxonomy, self.bank, self.scorer, self.head, calibration, asked)
        self._decider = Decider(
            recipe,
            classes,
            texts,
            self.encoder,
            self.scorer,
            self.head,
            calibration,
            candidates,
            explainer,
            heat_mapper_of(recipe, self.encoder, self.bank),
        )

    @property
    def conditions(self) -> Conditions:
        """What a calibration of this classifier holds for."""
        return conditions_of(self.encoder.card, self.recipe, self.taxonomy, self.bank)

    @property
    def own_scores(self) -> OwnScores | None:
        """The scorer, if it needs no embeddings."""
        return None if getattr(self.scorer, "needs_encoder", True) else cast(OwnScores, self.scorer)

    def logits(self, features: ImageFeatures, sources: Sequence[Source], bank: TextBank | None = None) -> Logits:
        """The scorer's class logits of some pictures, adjusted, before any calibration. bank: other texts of the classes."""
        return self._decider.logits(features, sources, bank)

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
            yield from self._decider.results(batch)


def _refuse_contradictions(recipe: Recipe, head: Head, own_scores: OwnScores | None) -> None:
    if recipe.rank and getattr(head, "chooses_rank", False):
        raise RecipeError(
            f"the head {recipe.head.name!r} chooses by itself what to report; leave out the rank {recipe.rank!r}, or "
            "take the head 'rollup'"
        )
    if own_scores and getattr(head, "needs_inner_texts", False):
        raise RecipeError(
            f"the head {recipe.head.name!r} weighs texts of inner taxa, for which the scorer {recipe.scorer.name!r} has no "
            "scores; take another head"
        )
    if recipe.why_not is not None and not recipe.explain:
        raise RecipeError(f"why not {recipe.why_not!r} is asked, and no explanation wanted; leave out one of the two")
    if recipe.depth and recipe.calibration == "none":
        depth_options(recipe, None)  # says what is needed


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
