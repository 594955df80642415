"""Makes the components of a training run: taxonomy, texts, data sets, encoder, loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TrainingError
from bioclip_x.faults import naming, remember_part
from bioclip_x.hooks.capabilities import EncoderCapabilities, TrainableEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import (
    Adapter,
    Dataset,
    Encoder,
    Kind,
    LayeredEncoder,
    Loss,
    TextBuilder,
    TrainableEncoder,
)
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry, resolve_relative_paths
from bioclip_x.hooks.returned import check_trainable, prepare_dataset
from bioclip_x.images.files import ImageFiles, make_image_files
from bioclip_x.messages import list_some
from bioclip_x.models import find_provided_model
from bioclip_x.progress import announce
from bioclip_x.prompts import load_descriptors
from bioclip_x.records import TextRequest
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.training.config import Data, LossTerm, Text, TrainConfig
from bioclip_x.training.data.dataset_checks import (
    describe_labels,
    find_inner_labels,
    find_missing_files,
    list_nodes,
)
from bioclip_x.training.data.texts import TextKind, TextSampler, list_taxa_at_ranks
from bioclip_x.training.loss_terms import LossSum, Term


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of a run.

    files: how the data sets' image files are read. adapter: trains few parameters in place of all; None without one.
    callbacks: objects with the training hooks. notes: what was missing, skipped or doubtful when they were made.
    """

    taxonomy: Taxonomy
    texts: TextSampler
    datasets: tuple[Dataset, ...]
    encoder: TrainableEncoder
    loss: LossSum
    files: ImageFiles
    adapter: Adapter | None
    callbacks: tuple[object, ...]
    notes: tuple[str, ...]


def make_parts(config: TrainConfig, registry: Registry) -> Parts:
    """Makes the components of a run. Raises BioclipXError; TrainingError for an empty data set."""

    def resolve(kind: Kind, ref: ComponentRef) -> tuple[str, dict[str, Any]]:
        resolved = resolve_relative_paths(registry, kind, ref, config.base)
        return resolved.name, resolved.options

    taxonomy = read_taxonomy(registry, config.path(config.taxonomy), config.taxonomy_format)
    files = make_image_files(registry, config.truncated)
    datasets, data_notes = make_datasets(config.data, config, registry, taxonomy, files)
    node_n = np.concatenate([list_nodes(dataset) for dataset in datasets])
    inner = {*find_inner_labels(node_n, taxonomy).tolist(), *list_taxa_at_ranks(taxonomy, config.text_ranks)}
    kinds = _make_text_kinds(config, registry, taxonomy, sorted(inner))
    # Kinds of text may have the same notes (such as missing common names): each is listed once.
    text_notes = dict.fromkeys(note for kind in kinds for note in kind.notes)
    notes = [*taxonomy.notes, *text_notes, *data_notes, *describe_labels(node_n, taxonomy)]
    encoder = make_encoder(config, registry)
    terms = _make_terms(config, registry)
    for term in terms:
        if term.capabilities.needs_prepare:
            with naming(term.loss, "prepare"), torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed)  # of the initial values of a loss's own parameters
                term.loss.prepare(taxonomy, encoder.embed_dim, taxonomy.n_classes)
    losses = LossSum(terms).to(encoder.device)
    adapter = registry.make("adapters", *resolve("adapters", config.adapter)) if config.adapter else None
    callbacks = tuple(registry.make("callbacks", *resolve("callbacks", ref)) for ref in config.callbacks)
    sampler = TextSampler(kinds, config.own_text, taxonomy=taxonomy, ranks=config.text_ranks)
    return Parts(
        taxonomy, sampler, datasets, encoder, losses, files, adapter, callbacks, tuple(notes)
    )  # fmt: skip


def make_text_request(config: TrainConfig, taxonomy: Taxonomy) -> TextRequest:
    """Makes the request for the texts of all classes."""
    return TextRequest(
        taxonomy=taxonomy,
        classes=range(taxonomy.n_classes),
        language=config.language,
        descriptors=load_descriptors(config.path(config.descriptors)) if config.descriptors else None,
    )


def make_text_builders(texts: Sequence[Text], config: TrainConfig, registry: Registry) -> list[TextBuilder]:
    """Makes the text builders that a field of the configuration names."""
    refs = (resolve_relative_paths(registry, "text_builders", text.component, config.base) for text in texts)
    return [registry.make("text_builders", ref.name, ref.options) for ref in refs]


def _make_text_kinds(
    config: TrainConfig, registry: Registry, taxonomy: Taxonomy, nodes: Sequence[int]
) -> list[TextKind]:
    """nodes: taxa above the classes that images are labelled with."""
    request = make_text_request(config, taxonomy)
    kinds = []
    for text, builder in zip(config.text, make_text_builders(config.text, config, registry)):
        announce(f"text: {text.component}, for {taxonomy.n_classes:,} classes")
        kinds.append(TextKind(builder, request, text.weight, nodes))
    return kinds


def make_datasets(
    datas: Sequence[Data],
    config: TrainConfig,
    registry: Registry,
    taxonomy: Taxonomy,
    files: ImageFiles,
    field: str = "data",
) -> tuple[tuple[Dataset, ...], list[str]]:
    """Makes the data sets that a field of the configuration names, and returns their notes.

    Raises TrainingError for one without a usable image.
    """
    datasets, notes = [], list[str]()
    for data in datas:
        resolved = resolve_relative_paths(registry, "datasets", data.component, config.base)
        dataset: Dataset = registry.make("datasets", resolved.name, resolved.options)
        announce(f"{field}: {data.component}")
        files.serve(dataset)
        own_notes = prepare_dataset(dataset, taxonomy)
        if not len(dataset):
            raise TrainingError("; ".join([f"{field}: {data.component} has no usable image", *own_notes]))
        if missing := find_missing_files(dataset):
            what = (
                f"{data.component}: {len(missing)} of {len(dataset)} image files do not exist: {list_some(missing, 3)}"
            )
            if len(missing) == len(dataset):
                raise TrainingError(f"{field}: {what}; check the paths, or the folder that they are relative to")
            own_notes.append(f"{what}; other images take their places")
        notes += own_notes
        datasets.append(dataset)
    return tuple(datasets), notes


def make_encoder(config: TrainConfig, registry: Registry) -> TrainableEncoder:
    """Makes the model as it is before training. Raises TrainingError, ModelError."""
    ref = _require(config.encoder)
    resolved = resolve_relative_paths(registry, "encoders", ref, config.base)
    family: Encoder = registry.make("encoders", resolved.name, resolved.options)
    if not get_capabilities(family, EncoderCapabilities).trains:
        raise TrainingError(f"encoder: {config.encoder}: its models cannot be trained; choose another encoder")
    with naming(family, "trainable", str(config.model)):
        encoder = family.trainable(
            _resolve_model(config, registry),
            device=config.device,
            seed=config.seed,
            image_size=config.image_size,
        )
    check_trainable(family, encoder)
    remember_part(encoder, family)
    if any(term.projector for term in config.loss):
        _add_projector(encoder)
    return encoder


def _make_terms(config: TrainConfig, registry: Registry) -> list[Term]:
    """Makes the losses. Raises TrainingError for a `source` that no data set has."""
    terms: list[Term] = []
    sources = [data.source for data in config.data]
    for one in config.loss:
        resolved = resolve_relative_paths(registry, "losses", one.component, config.base)
        loss: Loss = registry.make("losses", resolved.name, resolved.options)
        if one.source is not None and one.source not in sources:
            known = ", ".join(sorted({source for source in sources if source})) or "none"
            raise TrainingError(f"loss: {one.component}: no data set has `source: {one.source}` (known: {known})")
        name = one.label or one.component.name
        taken = sum(term.name.split("#")[0] == name for term in terms)
        terms.append(
            Term(
                f"{name}#{taken + 1}" if taken else name,
                loss,
                one.weight,
                None if one.source is None else tuple(i for i, source in enumerate(sources) if source == one.source),
                one.projector,
                one.learning_rate,
            )
        )
    return terms


def _add_projector(encoder: TrainableEncoder) -> None:
    if not get_capabilities(encoder, TrainableEncoderCapabilities).projectors:
        raise TrainingError("loss: projector: this model's image tower can have no second projector")
    cast(LayeredEncoder, encoder).add_projector()


def fill_in_defaults(config: TrainConfig, registry: Registry) -> TrainConfig:
    """Adds the default encoder and loss, as declared by the installed plugins, if the configuration names none.

    Raises PluginError if no plugin declares one.
    """
    defaults: dict[str, Any] = {}
    if config.encoder is None:
        defaults["encoder"] = ComponentRef(name=registry.required_default("encoders"))
    if not config.loss:
        defaults["loss"] = (LossTerm.model_validate(registry.required_default("losses")),)
    return config.model_copy(update=defaults)


def _require(ref: ComponentRef | None) -> ComponentRef:
    assert ref is not None, "call fill_in_defaults first"
    return ref


def _resolve_model(config: TrainConfig, registry: Registry) -> str | dict[str, Any]:
    if not isinstance(config.model, str):
        return config.model
    scheme, _, rest = config.model.partition(":")
    if scheme == "local-dir":
        return f"local-dir:{config.path(Path(rest))}"
    provided = find_provided_model(registry, config.model)
    return provided.source if provided else config.model
