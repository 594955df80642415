"""The classifier: makes a recipe's components, and runs images through them.

sources → decoded batches → encoder → scorer (with its text bank) → head → predictions and explanation
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from bioclip_x.classes.recipe_classes import Classes, find_classes
from bioclip_x.errors import ModelError, RecipeError
from bioclip_x.events.collecting import EventCollector
from bioclip_x.events.grouping import group_sources, parse_grouping
from bioclip_x.explain.contrast import find_asked_node
from bioclip_x.explain.explanation import make_explainer
from bioclip_x.explain.heat_maps import make_heat_mapper
from bioclip_x.faults import guarded, naming
from bioclip_x.hooks.capabilities import (
    HeadCapabilities,
    LoadedEncoderCapabilities,
    ReportCapabilities,
    ScorerCapabilities,
    get_capabilities,
)
from bioclip_x.hooks.components import (
    ExampleScorer,
    Head,
    ImageClassifier,
    LabelledScorer,
    LoadedEncoder,
    PrecomputedScorer,
    Scorer,
    TextlessScorer,
)
from bioclip_x.hooks.loading import Plugin, list_plugins
from bioclip_x.hooks.registry import Registry, create_registry, from_environment
from bioclip_x.hooks.returned import check_texts
from bioclip_x.images.counting import count_images, list_in_advance
from bioclip_x.images.files import make_image_files
from bioclip_x.images.loading import load_batches
from bioclip_x.images.memory import list_inputs
from bioclip_x.images.metadata_table import MetadataTable, read_metadata_table, warn_of_unmatched
from bioclip_x.images.places.folders import LeftOut, warn_of_left_out
from bioclip_x.images.sources import check_sources, expand_sources
from bioclip_x.images.video import expand_videos
from bioclip_x.inference.batches import BatchClassifier
from bioclip_x.inference.calibration import (
    AppliedCalibration,
    apply_calibration,
    describe_sets,
    make_conditions,
    make_depth_options,
    make_set_options,
)
from bioclip_x.inference.image_classifiers import LabelScorer, find_classifier
from bioclip_x.inference.precomputed import NoEncoder, list_scored_images, make_empty_bank, skip_decoding
from bioclip_x.inference.provenance import make_provenance
from bioclip_x.inference.result_journal import ResultJournal
from bioclip_x.inference.results import Results
from bioclip_x.inference.scoring import BatchScorer, ScoredBatch
from bioclip_x.inference.sinks import make_report, write_all
from bioclip_x.inference.support import SupportSet, find_support
from bioclip_x.models import load_encoder, make_family
from bioclip_x.plugin_versions import identify_code
from bioclip_x.prediction.ranking import find_reportable_nodes
from bioclip_x.progress import progress_in_notebook, report_progress, show_in_notebook
from bioclip_x.prompts import load_descriptors
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import change_recipe, register_components, resolve_recipe
from bioclip_x.records import Conditions, Decoded, ImageFeatures, Result, Scores, Source, TextBank
from bioclip_x.records.scores import BEST
from bioclip_x.regions.reading import make_region_reader
from bioclip_x.settings import find_cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.conformal import MOST
from bioclip_x.text_bank.build import BankBuilder, ClassBanks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bioclip_x.images.memory import ImageLike


RECIPE_SUFFIXES: Final = (".yaml", ".yml", ".json")


class Classifier:
    """Classifies images and explains the predictions.

        Classifier.from_recipe("descriptors")("examples/drawings")

    Every field of `Recipe` is a keyword argument, as the command line's flags; one that names a component also takes a
    component (`head=MyHead()`), and `model` also an image classifier.
    plugins: as `--plugin`, a module, or an object with hooks; one or several. recipe: as
    `--recipe`, or a resolved `Recipe`. taxonomy: a file, or a `Taxonomy`. loaded: the recipe's model, if another
    classifier has loaded it (its `encoder`). progress: called with (texts embedded, total texts); None shows a bar in a
    notebook. Raises BioclipXError for an invalid request.

    Attributes: recipe: resolved. taxonomy: the tree of classes. whole_taxonomy: that of all listed classes, of which
    `subset` may leave some out. bank: the embedded prompts. encoder: the loaded model.
    registry: the loaded plugins.
    scorer, head: the components. files: how images are found and read. provenance: metadata that every output contains.

    Threads: nothing of a classifier changes after it is made, and several threads may classify with one at a time, if the
    components of plugins allow it; the built-in ones do. Pickling: a classifier is pickled as what it is made of (plugins,
    those of files by their path, components, recipe, taxonomy), without the model, which is loaded again, and texts, which
    are read from the cache.
    """

    def __init__(
        self,
        model: str | ImageClassifier | None = None,
        *,
        plugins: Plugin | Sequence[Plugin] = (),
        taxonomy: Taxonomy | str | os.PathLike[str] | None = None,
        recipe: Recipe | str | os.PathLike[str] | None = None,
        registry: Registry | None = None,
        cache: Path | None = None,
        loaded: LoadedEncoder | None = None,
        progress: Callable[[int, int], None] | None = None,
        **fields: Any,
    ) -> None:
        plugins = list_plugins(plugins)
        registry = self.registry = registry or _make_registry(plugins)
        given = self._given = taxonomy if isinstance(taxonomy, Taxonomy) else None
        fields = register_components(registry, {"model": model, **fields})
        flags = {"taxonomy": None if given else taxonomy, **fields}
        if given and flags.get("labels"):
            raise RecipeError("labels and a taxonomy were both given; give one")
        recipe = self.recipe = _make_recipe(registry, recipe, plugins, flags)
        self._cache = cache
        self.files = make_image_files(registry, recipe.truncated, recipe.frames)
        named = find_classifier(registry, recipe)
        self.scorer: Scorer = (
            LabelScorer(named) if named else registry.make("scorers", recipe.scorer.name, recipe.scorer.options)
        )
        self.head: Head = registry.make("heads", recipe.head.name, recipe.head.options)
        head_capabilities = get_capabilities(self.head, HeadCapabilities)
        precomputed, textless = self.precomputed_scorer, self._textless_scorer
        support_option = get_capabilities(self.scorer, ScorerCapabilities).support_option
        _refuse_contradictions(
            recipe, head_capabilities, self.scorer_name, is_class_scorer=bool(textless or support_option)
        )
        if named and recipe.scorer.name != registry.default("scorers"):
            raise RecipeError(
                f"{named.name} is an image classifier, which has scores of its own; leave out the scorer {recipe.scorer.name!r}"
            )
        # Everything that does not need the model is checked before it is loaded, since it may be a long download.
        builders = [registry.make("text_builders", ref.name, ref.options) for ref in recipe.text]
        family = None if named else make_family(registry, recipe)
        if named and not (given or recipe.taxonomy or recipe.labels):
            given = named.make_own_taxonomy()
        classes = find_classes(registry, recipe, family, self.labelled_scorer, given)
        self.taxonomy, self.whole_taxonomy, self._requested = classes.tree, classes.whole, classes.requested
        reportable = find_reportable_nodes(self.taxonomy, recipe.rank)
        asked = find_asked_node(self.taxonomy, recipe.why_not) if recipe.why_not is not None else None
        descriptors = load_descriptors(recipe.descriptors) if recipe.descriptors else None
        notes: tuple[str, ...] = ()
        support: SupportSet | None = None
        if support_option:
            options = registry.options("scorers", recipe.scorer.name, recipe.scorer.options)
            support = find_support(registry, options[support_option], self.taxonomy, self.files)
        elif textless:
            with naming(textless, "prepare"):
                notes = tuple(check_texts(textless, "prepare", textless.prepare(self.taxonomy), "notes"))
        if precomputed:
            self.encoder: LoadedEncoder = NoEncoder(precomputed)
        elif named:
            self.encoder = loaded or named.load(recipe)
        else:
            assert family is not None
            self.encoder = loaded or load_encoder(family, recipe)
        self._regions = make_region_reader(registry, recipe)
        _refuse_mask_pooling(recipe, self.encoder)
        if self._regions is None:  # small boxes need all pixels
            self.files = self.files.fitting(recipe, self.encoder.card.preprocessing)
        if support:
            notes = self._embed_support(support, registry, cache or find_cache_folder() / "support")
        if textless:
            key = "" if self.labelled_scorer else textless.revision  # the card of labelled scores has it
            dim = len(named.labels) if named else self.encoder.card.dim
            empty = make_empty_bank(self.taxonomy.n_classes, recipe.pooling, key=key, dim=dim)
            banks = ClassBanks(empty, notes=notes)
        else:
            assert family is not None  # image classifiers are textless
            is_default = [str(ref) for ref in recipe.text] == [registry.default("text_builders")]
            folder = cache or find_cache_folder() / "banks"
            code = identify_code(
                registry, encoders=[recipe.encoder.name], text_builders=[ref.name for ref in recipe.text]
            )
            report = progress or partial(report_progress, "embedding texts")
            builder = BankBuilder(recipe, family, self.encoder, builders, descriptors, is_default, folder, code, report)
            with progress_in_notebook():
                banks = builder.build(classes, with_inner_taxa=head_capabilities.needs_inner_taxa)
            if support:
                banks = _add_support(banks, cast(ExampleScorer, self.scorer).revision, notes)
        device = get_capabilities(self.encoder, LoadedEncoderCapabilities).device
        banks = replace(banks, bank=replace(banks.bank, device=device))
        self.bank = banks.bank
        calibration = apply_calibration(recipe, self.conditions, self.encoder, head_capabilities)
        if recipe.depth:
            depth = make_depth_options(recipe, calibration.calibration, head_capabilities)
            self.head = registry.make("heads", recipe.head.name, recipe.head.options | depth)
        if sets := make_set_options(recipe, calibration.calibration, head_capabilities):
            self.head = registry.make("heads", recipe.head.name, recipe.head.options | sets)
        provenance = make_provenance(registry, recipe, classes, banks, self.encoder.card, calibration)
        self.provenance = replace(provenance, notes=(*provenance.notes, *describe_sets(head_capabilities)))
        self._batches = self._make_batches(classes, banks, calibration, reportable, asked)

    @classmethod
    def from_recipe(cls, recipe: Recipe | str | os.PathLike[str] | None = None, **fields: Any) -> Classifier:
        """Makes a classifier in one line: `Classifier.from_recipe("descriptors", taxonomy="birds.csv")`.

        recipe: the name of a plugin, a plugin's `.py` file, a recipe file (`.yaml`, `.yml`, `.json`), a `Recipe`, or None
            for the defaults. fields: as keyword arguments of `Classifier`; they precede those of the recipe. A `Recipe` is
            complete, so that fields replace its own and imply no others.
        """
        if isinstance(recipe, Recipe):
            return cls._from_changed(recipe, **fields)
        if recipe is None or Path(recipe).suffix.lower() in RECIPE_SUFFIXES:
            return cls(recipe=recipe, **fields)
        return cls(plugins=(recipe, *list_plugins(fields.pop("plugins", ()))), **fields)

    @classmethod
    def _from_changed(
        cls,
        recipe: Recipe,
        registry: Registry | None = None,
        plugins: Plugin | Sequence[Plugin] = (),
        **fields: Any,
    ) -> Classifier:
        """Makes a classifier of a recipe of which some fields are replaced. Raises RecipeError for unknown fields."""
        registry = registry or _make_registry(list_plugins(plugins))
        own: dict[str, Any] = {name: fields.pop(name) for name in ("cache", "loaded", "progress") if name in fields}
        if isinstance(taxonomy := fields.get("taxonomy"), Taxonomy):
            own["taxonomy"] = fields.pop("taxonomy")
        if fields.get("labels") is not None or isinstance(taxonomy, Taxonomy):
            fields.setdefault("taxonomy", None)
        if taxonomy is not None:
            fields.setdefault("labels", None)
        changed = change_recipe(recipe, register_components(registry, fields))
        return cls(registry=registry, recipe=changed, **own)

    def __call__(
        self,
        images: ImageLike | Iterable[ImageLike] | None,
        *,
        metadata: str | os.PathLike[str] | MetadataTable | None = None,
        thumbnails: bool = True,
        progress: bool | None = None,
    ) -> Results:
        """Classifies images and returns all results; `classify` yields them one by one, for more than fit in memory.

        images, metadata, progress: as in `classify`. thumbnails: keep a small JPEG of each image (about 20 kB), which
        notebooks and HTML reports show.
        """
        results = tuple(self.classify(images, metadata=metadata, thumbnails=thumbnails, progress=progress))
        return Results(results, self.provenance, self.registry)

    def write(
        self,
        images: ImageLike | Iterable[ImageLike] | None,
        *files: str | os.PathLike[str],
        format: str | None = None,
        metadata: str | os.PathLike[str] | MetadataTable | None = None,
        progress: bool | None = None,
    ) -> int:
        """Classifies images into reports, in memory independent of their number; returns how many have no result.

        images, metadata, progress: as in `classify`.
        files, format: as in `write_report`; one or several files.
        """
        sinks = [(make_report(self.registry, format, Path(file)), Path(file)) for file in files]
        thumbnails = any(get_capabilities(report, ReportCapabilities).thumbnails for report, _ in sinks)
        results = self.classify(images, metadata=metadata, thumbnails=thumbnails, progress=progress)
        return write_all(self.provenance, results, sinks)

    def __repr__(self) -> str:
        recipe = self.recipe
        texts = "" if self.labelled_scorer else f", text={'+'.join(map(str, recipe.text))}"
        return (
            f"Classifier({recipe.model!r}, {self.taxonomy.n_classes:,} classes of {self.taxonomy.source}{texts}, "
            f"head={recipe.head})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.registry, self.recipe, self._given, self._cache)

    def _embed_support(self, support: SupportSet, registry: Registry, cache: Path) -> tuple[str, ...]:
        """Embeds the examples of the scorer and hands them over; returns notes."""
        scorer = cast(ExampleScorer, self.scorer)
        images, notes = support.embed(registry, self.recipe, self.encoder, self.files, cache)
        with naming(scorer, "prepare_support"):
            own = scorer.prepare_support(images, self.taxonomy)
        return (*notes, *check_texts(scorer, "prepare_support", own, "notes"))

    def _make_batches(
        self,
        classes: Classes,
        banks: ClassBanks,
        calibration: AppliedCalibration,
        reportable: npt.NDArray[np.int64] | None,
        asked: int | None,
    ) -> BatchClassifier:
        """Makes the batch classifier. reportable: nodes, None for the classes. asked: the node of `--why-not`."""
        recipe, card = self.recipe, self.encoder.card
        head = get_capabilities(self.head, HeadCapabilities)
        return BatchClassifier(
            taxonomy=self.taxonomy,
            encoder=self.encoder,
            scorer=BatchScorer(self.scorer, self.bank, banks.inner, card, self.taxonomy, classes.adjustments),
            head=self.head,
            may_exclude=self.labelled_scorer is not None,
            calibration=calibration,
            reportable=reportable,
            k=MOST if head.sets else recipe.k,
            n_best=max(BEST, recipe.k),
            explainer=make_explainer(recipe, self.taxonomy, self.bank, self.scorer, head, calibration, asked),
            heat_mapper=make_heat_mapper(recipe, self.encoder, self.bank),
            crosswalk=classes.crosswalk,
            event_pooling=recipe.event_pooling,
        )

    @property
    def conditions(self) -> Conditions:
        """The conditions under which a calibration of this classifier is valid."""
        return make_conditions(self.encoder.card, self.recipe, self._requested, self.bank)

    @property
    def precomputed_scorer(self) -> PrecomputedScorer | None:
        """The scorer, if it reads precomputed class scores."""
        needs_embeddings = get_capabilities(self.scorer, ScorerCapabilities).needs_embeddings
        return None if needs_embeddings else cast(PrecomputedScorer, self.scorer)

    @property
    def labelled_scorer(self) -> LabelledScorer | None:
        """The scorer, if its scores are of labels of its own: precomputed, or of an image classifier."""
        return self.scorer if isinstance(self.scorer, LabelScorer) else self.precomputed_scorer

    @property
    def scorer_name(self) -> str:
        """What computes the scores, for messages: the recipe's scorer, or its image classifier."""
        return self.recipe.model if isinstance(self.scorer, LabelScorer) else self.recipe.scorer.name

    @property
    def _textless_scorer(self) -> TextlessScorer | None:
        """The scorer, if it reads no texts."""
        capabilities = get_capabilities(self.scorer, ScorerCapabilities)
        is_textless = not (capabilities.needs_texts and capabilities.needs_embeddings)
        return cast(TextlessScorer, self.scorer) if is_textless else None

    def score(self, features: ImageFeatures, sources: Sequence[Source], bank: TextBank | None = None) -> ScoredBatch:
        """Computes class logits of images, adjusted but not calibrated. bank: replaces the classifier's prompts."""
        return self._batches.scorer.score(features, sources, bank)

    def decide(self, scored: ScoredBatch, sources: Sequence[Source]) -> tuple[Scores, list[bool]]:
        """Returns the head's scores for these logits, and for each image whether no class is left.

        scored: not calibrated; a calibration's temperature is applied.
        """
        scored, _ = scored.calibrate(self._batches.calibration)
        return self._batches.decide(scored, [source.name for source in sources])

    def decide_event(self, scored: ScoredBatch, sources: Sequence[Source]) -> tuple[Scores, list[bool]]:
        """Returns the head's scores for all images of a batch as one event, and whether no class is left.

        scored: not calibrated; a calibration's temperature is applied. Images whose best class stands beside the tree take no
        part, unless all are of that kind.
        """
        calibrated, _ = scored.calibrate(self._batches.calibration)
        voters = calibrated.select(calibrated.find_voters(self.taxonomy))
        return self._batches.decide(voters.pool(self.recipe.event_pooling), [source.name for source in sources[:1]])

    def classify(
        self,
        images: ImageLike | Iterable[ImageLike] | None,
        *,
        metadata: str | os.PathLike[str] | MetadataTable | None = None,
        thumbnails: bool = False,
        stdin: TextIO | None = None,
        journal: ResultJournal | None = None,
        left_out: LeftOut | None = None,
        progress: bool | None = None,
    ) -> Iterator[Result]:
        """Yields one result per image, in order; for an image that cannot be read, a result with an error.

        With boxes, an image has a result for each of its regions; with events, the images of one event stand together, and
        its own result follows them.

        Raises ImageError immediately for a folder, pattern or table without images, and for what is no image at all;
        RecipeError for a table of metadata that cannot be read.

        images: one of these, or many: a path, folder, glob, URL, or table of paths or URLs; the bytes of an image file, or
            a file open for reading bytes; a PIL image; an array or tensor of RGB values, [H, W, 3] or [3, H, W], uint8 or
            floating point in [0, 1] (as `to_pil` takes it), or a batch of four dimensions. None for all images that a
            precomputed scorer has scores for.
        metadata: a table (CSV, TSV, Parquet) that says where and when images were taken, see `read_metadata_table`. What a
            table of images says precedes it, and it precedes what the files say. A warning in the end tells what did not
            match, unless a `MetadataTable` is passed, whose `describe` tells it.
        thumbnails: include a small JPEG of each image in its result, for reports.
        stdin: stream from which "-" reads a list of paths.
        journal: keeps the results; images whose results it holds already are not classified again.
        left_out: counts the files in folders that are no images; without it, a warning says so in the end.
        progress: show on stderr how many images are done and, where they can be counted, of how many. None shows it in a
            notebook.
        """
        counts = LeftOut() if left_out is None else left_out
        if images is None:
            many: Any = list_scored_images(self.precomputed_scorer, self.recipe.scorer.name)
            sources: Iterable[Source] = many
        else:
            many = list_inputs(images)
            if isinstance(many, Sequence):
                check_sources(many, self.files)
            sources = expand_sources(many, stdin, self.files, counts)
        table = read_metadata_table(Path(metadata)) if isinstance(metadata, str | os.PathLike) else metadata
        if table:
            again = many if images is None else list_in_advance(many, self.files)
            sources = table.add_to(sources, table.find_shared(again or ()))
        sources = expand_videos(sources, self.files.frames)
        if self.recipe.event_by:
            sources = group_sources(sources, parse_grouping(self.recipe.event_by), self.files.read_metadata)
        classify = partial(self._classify, thumbnails=thumbnails)
        results = journal.classify(sources, classify) if journal else classify(sources)
        if left_out is None:
            results = warn_of_left_out(results, counts)
        if table and table is not metadata:
            results = warn_of_unmatched(results, table)
        count = partial(len, many) if images is None else partial(count_images, many, self.files)
        return show_in_notebook(results, count, lambda result: result.is_last_of_image, show=progress)

    def classify_sources(self, sources: Iterable[Source]) -> Iterator[Result]:
        """Yields the results of sources that are expanded already, such as one part of a larger run's, in order."""
        return self._classify(sources, thumbnails=False)

    @property
    def batches(self) -> BatchClassifier:
        """What classifies decoded images; `vary` changes its texts or what it compares with."""
        return self._batches

    def decode(self, sources: Iterable[Source], *, thumbnails: bool = False) -> Iterator[list[Decoded]]:
        """Yields batches of decoded images, in order, of at most the recipe's size; never raises for an image."""
        size = self.recipe.batch_size
        if self.precomputed_scorer:
            return skip_decoding(
                sources, self.precomputed_scorer, self.files, batch_size=size, with_thumbnail=thumbnails
            )
        return load_batches(
            sources,
            guarded(self.encoder, "preprocess", self.encoder.preprocess),
            batch_size=size,
            workers=self.recipe.workers,
            with_thumbnail=thumbnails,
            files=self.files,
            regions=self._regions,
        )

    def _classify(self, sources: Iterable[Source], thumbnails: bool) -> Iterator[Result]:
        events = EventCollector()
        for batch in self.decode(sources, thumbnails=thumbnails):
            yield from self._batches.classify(batch, events)


def _add_support(banks: ClassBanks, revision: str, notes: tuple[str, ...]) -> ClassBanks:
    """Adds the notes on a scorer's examples, and makes them a part of what a calibration is valid for."""
    bank = replace(banks.bank, content=f"{banks.bank.content or banks.bank.key} {revision}")
    return replace(banks, bank=bank, notes=(*banks.notes, *notes))


def _refuse_contradictions(recipe: Recipe, head: HeadCapabilities, scorer: str, *, is_class_scorer: bool) -> None:
    """scorer: its name. is_class_scorer: whether the scorer has scores of classes only, not of taxa above them."""
    if recipe.rank and head.chooses_rank:
        raise RecipeError(
            f"the head {recipe.head.name!r} chooses the ranks that it reports; leave out the rank {recipe.rank!r}, or choose "
            "a head that reports every rank"
        )
    if is_class_scorer and head.needs_inner_taxa:
        raise RecipeError(
            f"the head {recipe.head.name!r} needs logits of inner taxa, for which the scorer {scorer!r} has no "
            "scores; choose another head"
        )
    if recipe.why_not is not None and not recipe.explain:
        raise RecipeError(
            f"why not {recipe.why_not!r} needs explanations, which are switched off; leave out one of the two"
        )
    if recipe.depth and recipe.calibration == "none":
        make_depth_options(recipe, None, head)  # raises CalibrationError


def _refuse_mask_pooling(recipe: Recipe, encoder: LoadedEncoder) -> None:
    """Raises ModelError where the patches within masks are to be pooled, and the model's cannot be."""
    reason = get_capabilities(encoder, LoadedEncoderCapabilities).no_patches
    if recipe.mask == "pool" and reason:
        raise ModelError(f"{encoder.card.name} cannot pool patches within masks: {reason}; use --mask grey or blur")


def _restore(registry: Registry, recipe: Recipe, taxonomy: Taxonomy | None, cache: Path | None) -> Classifier:
    """Makes a pickled classifier again."""
    return Classifier(registry=registry, recipe=recipe, taxonomy=taxonomy, cache=cache)


def _make_registry(plugins: Sequence[Plugin]) -> Registry:
    """Loads the installed plugins that the environment selects; warns of broken ones."""
    registry = create_registry(plugins, **from_environment())
    for message in registry.warnings:
        warnings.warn(message, stacklevel=3)
    return registry


def _make_recipe(
    registry: Registry, recipe: Recipe | str | os.PathLike[str] | None, plugins: Sequence[Plugin], flags: dict[str, Any]
) -> Recipe:
    if not isinstance(recipe, Recipe):
        file = Path(recipe) if recipe is not None else None
        return resolve_recipe(registry, file=file, plugins=registry.load(plugins), flags=flags)
    ignored = [name for name, value in flags.items() if value is not None] + ["plugins"] * bool(plugins)
    if ignored:
        raise RecipeError(f"a resolved recipe was given together with {', '.join(ignored)}; change the recipe instead")
    registry.load(recipe.plugins)
    return recipe
