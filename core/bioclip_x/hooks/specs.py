"""The hooks. A plugin is a module (or any object) with functions of these names, marked `@bioclip_x.hookimpl`.

Hooks that register components return lists of `ComponentSpec`s and are called once, when the registry is created.
Commands that only list components must stay fast, so a plugin must import nothing heavy at its top level.

Order. A hook that registers components is called for one plugin at a time, in the order in which plugins are registered:
installed ones by name, then those of `--plugin`. `@hookimpl(tryfirst=True)` puts a plugin's components of that hook before
those of all others, `trylast=True` after them; it matters where components are asked in turn (taxonomy readers, image decoders,
reports, models in lists), and orders the lists of the others. `configure` is called in the order of `--plugin`, and its marks
have no effect. The hooks of a training run (`training_started`, `training_step_ended`, `validated`, `epoch_ended`,
`training_ended`) are called for all plugins at once, as pluggy does: those marked tryfirst, then the last registered first, then
those marked trylast.

Wrappers. The hooks of a training run can be wrapped: a generator marked `@hookimpl(wrapper=True)` runs around those of all other
plugins, and returns the list of their answers that its `yield` gives. A wrapper of any other hook is refused at registration,
since there is only one implementation at a time to wrap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import pluggy

from bioclip_x.hooks.components import ComponentSpec
from bioclip_x.renamed_names import list_warnings

if TYPE_CHECKING:
    from bioclip_x.recipe import Recipe
    from bioclip_x.records import EpochEnd, RunContext, StepEnd, Validated

GROUP = "bioclip_x"
TRAINING_HOOKS = ("training_started", "training_step_ended", "validated", "epoch_ended", "training_ended")
"""The hooks that are called for all plugins at once."""

hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks a function of a plugin, named as a hook, as its implementation: `@hookimpl`, `@hookimpl(tryfirst=True)`."""
_mark = pluggy.HookspecMarker(GROUP)

Hook = TypeVar("Hook", bound=Callable[..., Any])


@overload
def hookspec(function: Hook) -> Hook: ...
@overload
def hookspec(*, since: int) -> Callable[[Hook], Hook]: ...
def hookspec(function: Any = None, *, since: int = 1) -> Any:
    """Marks the specification of a hook. since: the version of the plugin interface that brought it (`api_version`).

    A plugin that asks for an argument by an old name (`renamed_names.RENAMED`) gets pluggy's warning.
    """
    if function is None:
        return partial(hookspec, since=since)
    function.since = since
    return _mark(function, warn_on_impl_args=list_warnings(f"hook {function.__name__}"))


@hookspec
def text_builders() -> Sequence[ComponentSpec]:
    """Text builders, which write the prompts of classes.

    Called once when the registry is created. Return specs whose targets satisfy `components.TextBuilder`; used by
    `--text NAME` and by the trainer.
    """
    raise NotImplementedError


@hookspec
def models() -> Sequence[ComponentSpec]:
    """Models with a short name, for plugins that ship a model.

    Called once when the registry is created. Return specs whose targets, called without options, return a
    `records.KnownModel`: its `encoder` names the family that loads it, its `source` is the argument passed to that
    family's `load` (for example "package:my_package/model"). Used by `--model NAME` and listed by `bioclip-x models`.
    """
    raise NotImplementedError


@hookspec
def encoders() -> Sequence[ComponentSpec]:
    """Families of two-tower models.

    Called once when the registry is created. Return specs whose targets satisfy `components.Encoder`; used by
    `--encoder NAME`, which loads `--model`.
    """
    raise NotImplementedError


@hookspec
def classifiers() -> Sequence[ComponentSpec]:
    """Image classifiers that are no two-tower models, with labels of their own.

    Called once when the registry is created. Return specs whose targets satisfy `components.ImageClassifier`; used by
    `--model NAME` or `--model NAME:OPTIONS` ("onnx:birds.onnx"). The labels are matched with the classes of the taxonomy,
    and the scores go to heads, calibrations, evaluations and reports as a scorer's do.
    """
    raise NotImplementedError


@hookspec
def scorers() -> Sequence[ComponentSpec]:
    """Scorers, which turn image features into class logits.

    Called once when the registry is created. Return specs whose targets satisfy `components.Scorer`; used by
    `--scorer NAME`.

    A scorer that classifies by labelled images declares `support_option`: the classifier reads the folder or table that
    this option names, embeds its images (cached, if they are files), and calls `prepare_support`; see
    `components.ExampleScorer`.
    """
    raise NotImplementedError


@hookspec
def adjust_logits() -> Sequence[ComponentSpec]:
    """Priors on classes: a region's species list, a season.

    Called once when the registry is created. Return specs whose targets satisfy `components.LogitAdjustment`; used by
    `--adjust NAME`. Their offsets are added to the class logits before the softmax, and their notes go into every output.
    """
    raise NotImplementedError


@hookspec
def heads() -> Sequence[ComponentSpec]:
    """Heads, which turn class logits into a decision on the tree.

    Called once when the registry is created. Return specs whose targets satisfy `components.Head`; used by `--head NAME`.
    """
    raise NotImplementedError


@hookspec
def losses() -> Sequence[ComponentSpec]:
    """Training losses.

    Called once when the registry is created. Return specs whose targets satisfy `components.Loss`; used by `loss:` in a
    training configuration.
    """
    raise NotImplementedError


@hookspec
def taxonomy_readers() -> Sequence[ComponentSpec]:
    """Taxonomy formats.

    Called once when the registry is created. Return specs whose targets satisfy `components.TaxonomyReader`; used by
    `--taxonomy FILE`, whose format is detected from the content or named by `--taxonomy-format NAME`.
    """
    raise NotImplementedError


@hookspec
def language_models() -> Sequence[ComponentSpec]:
    """Language models that write descriptors.

    Called once when the registry is created. Return specs whose targets satisfy `components.LanguageModel`; used by
    `bioclip-x describe --llm NAME`.
    """
    raise NotImplementedError


@hookspec
def prompts() -> Sequence[ComponentSpec]:
    """Prompt templates for language models.

    Called once when the registry is created. Return specs whose targets, called with the options, return a
    `prompts.llm_prompts.PromptTemplate`, for example loaded from a file of the plugin; used by
    `bioclip-x describe --prompt NAME`.
    """
    raise NotImplementedError


@hookspec
def datasets() -> Sequence[ComponentSpec]:
    """Data sets of labelled images.

    Called once when the registry is created. Return specs whose targets satisfy `components.Dataset`; used by `data:` in
    a training configuration, and by the commands that evaluate. An image's label is a node of the tree (`Sample.node`), a
    class or a taxon above; `resolve_labels` finds it by its name.
    """
    raise NotImplementedError


@hookspec
def image_sources() -> Sequence[ComponentSpec]:
    """Sources of images with names, licences and owners, of which data sets are built.

    Called once when the registry is created. Return specs whose targets satisfy `components.ImageSource`; used by
    `sources:` in the configuration of `bioclip-x dataset build`. A data set of the hook `datasets` that brings its own classes
    is a source, too.
    """
    raise NotImplementedError


@hookspec
def captioners() -> Sequence[ComponentSpec]:
    """Models that describe images in words.

    Called once when the registry is created. Return specs whose targets satisfy `components.Captioner`; used by
    `captions:` in the configuration of `bioclip-x dataset build`.
    """
    raise NotImplementedError


@hookspec
def image_decoders() -> Sequence[ComponentSpec]:
    """Image formats that Pillow does not read.

    Called once when the registry is created. Return specs whose targets satisfy `components.ImageDecoder`; asked in the
    order of registration, before Pillow, for every image file that is read.
    """
    raise NotImplementedError


@hookspec
def detectors() -> Sequence[ComponentSpec]:
    """Detectors, which find the organisms of an image before these are named.

    Called once when the registry is created. Return specs whose targets satisfy `components.Detector`; used by
    `--detector NAME`. Each region that a detector finds is named and explained as an image of its own.
    """
    raise NotImplementedError


@hookspec
def reports() -> Sequence[ComponentSpec]:
    """Output formats.

    Called once when the registry is created. Return specs whose targets satisfy `components.Report`; used by
    `--format NAME` and `--report FILE`.
    """
    raise NotImplementedError


@hookspec
def commands() -> Sequence[ComponentSpec]:
    """Subcommands of `bioclip-x`.

    Called once when the command line starts. Return specs whose targets are `click.Command` objects.
    """
    raise NotImplementedError


@hookspec
def configure(recipe: Recipe) -> Mapping[str, Any]:
    """Changes to the recipe made by a plugin enabled with `--plugin`.

    Called for the enabled plugins only, in the order given, each with the recipe before any patch.

    recipe: the merged defaults and recipe file.

    Return the fields to set. It is an error, naming both plugins, if two of them set a field to different values. Flags
    on the command line override patches.
    """
    raise NotImplementedError


@hookspec
def adapters() -> Sequence[ComponentSpec]:
    """Ways of training few parameters in place of all.

    Called once when the registry is created. Return specs whose targets satisfy `components.Adapter`; used by `adapter:` in
    a training configuration.
    """
    raise NotImplementedError


@hookspec
def callbacks() -> Sequence[ComponentSpec]:
    """Objects that follow a training run.

    Called once when the registry is created. Return specs whose targets, called with the options, return an object with
    `@hookimpl` methods of the training hooks below; used by `callbacks:` in a training configuration, and registered for
    the run.
    """
    raise NotImplementedError


@hookspec
def training_started(run: RunContext) -> None:
    """Called before the first step of a run, or of a resumed run.

    run: its configuration, folder, taxonomy, model and the average of its weights, completed steps, the metrics of the last
        validation, and `save`, which writes a checkpoint. What a hook adds to `run.metrics` is saved with them.
    """


@hookspec
def training_step_ended(event: StepEnd, run: RunContext) -> None:
    """Called after every optimiser step, for loggers and metrics; when the next step is already launched.

    event: step, epoch, loss and its parts, learning rate, logit scale, gradient norm, images per second, seconds and
        fraction of the time that were waited for data, memory, and the run's folder.
    run: as for `training_started`.
    """


@hookspec
def validated(event: Validated, run: RunContext) -> None:
    """Called after every validation, once its checkpoint is written, and before `epoch_ended`.

    event: step, epoch, metrics by name, the one that chooses the best checkpoint, whether this is the best so far, number of
        images, seconds, and the run's folder.
    run: as for `training_started`.
    """


@hookspec
def epoch_ended(event: EpochEnd, run: RunContext) -> bool | None:
    """Called after every epoch, once its checkpoint is written.

    event: epoch, mean loss, and the run's folder. run: as for `training_started`.

    Return True to stop training here; any one plugin's True is enough.
    """


@hookspec
def training_ended(run: RunContext) -> None:
    """Called at the end of a run, also one that was interrupted or failed, to close files.

    run: as for `training_started`.
    """
