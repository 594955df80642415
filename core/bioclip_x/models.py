"""Models by name: the family that loads them, their source, and the class lists published with them."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError

from bioclip_x.errors import ModelError, PluginError, PluginWarning
from bioclip_x.faults import describe, naming, remember_part, summarise
from bioclip_x.hooks.capabilities import EncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import Encoder, LoadedEncoder
from bioclip_x.hooks.options import ComponentRef, parse_ref
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import check_loaded, check_type
from bioclip_x.recipe import Recipe
from bioclip_x.records import KnownModel, OwnClasses, OwnRecipe
from bioclip_x.validation import find_first_error


@dataclass(frozen=True, slots=True)
class Family:
    """A recipe's family of models. source: the name or location of the recipe's model, as passed to the family."""

    name: str
    encoder: Encoder
    capabilities: EncoderCapabilities
    source: str


def make_family(registry: Registry, recipe: Recipe) -> Family:
    """Makes the family of the recipe's model, without loading the model."""
    return find_family(registry, recipe.model, recipe.encoder)


def find_family(registry: Registry, model: str, ref: ComponentRef) -> Family:
    """Makes a model's family, without loading the model. ref: the encoder. Raises ModelError for an image classifier."""
    if find_classifier_ref(registry, model):
        raise ModelError(f"{model} is an image classifier, which has no embeddings and brings no list of classes here")
    encoder = registry.make("encoders", ref.name, ref.options)
    provided = find_provided_model(registry, model)
    source = provided.source if provided else model
    return Family(ref.name, encoder, get_capabilities(encoder, EncoderCapabilities), source)


def find_classifier_ref(registry: Registry, model: str) -> ComponentRef | None:
    """Returns the image classifier that a model's name means, NAME or NAME:OPTIONS; None for a two-tower model."""
    if model in registry.components("models") or model.partition(":")[0] not in registry.components("classifiers"):
        return None
    return parse_ref(model)


def find_provided_model(registry: Registry, name: str) -> KnownModel | None:
    """Returns the model of this name that a plugin provides with its hook `models`; None for the family's own models."""
    return registry.make("models", name) if name in registry.components("models") else None


def load_encoder(family: Family, recipe: Recipe) -> LoadedEncoder:
    """Loads the recipe's model; where its device runs out of memory, it goes on with smaller batches.

    Raises ModelError if it cannot be found, or if its family does not support the recipe's preprocessing.
    """
    if recipe.preprocess not in family.capabilities.preprocess:
        raise ModelError(
            f"the encoder {family.name!r} preprocesses images only as {', '.join(family.capabilities.preprocess)}; leave out "
            f"--preprocess {recipe.preprocess}"
        )
    with naming(family.encoder, "load", recipe.model):
        loaded = family.encoder.load(
            family.source,
            name=recipe.model,
            device=recipe.device,
            precision=recipe.precision,
            preprocess=recipe.preprocess,
        )
    check_loaded(family.encoder, loaded)
    from bioclip_x.device_memory import FittingEncoder  # imports torch, which listing models does without

    fitting = FittingEncoder(loaded)
    remember_part(fitting, family.encoder)
    return fitting


def load_own_classes(family: Family, model: str, *, embeddings: bool) -> OwnClasses | None:
    """Returns the class list published with a model; None if there is none."""
    if not family.capabilities.brings_classes:
        return None
    with naming(family.encoder, "own_classes", model):
        own = family.encoder.own_classes(family.source, name=model, embeddings=embeddings)
    return None if own is None else check_type(family.encoder, "own_classes", own, OwnClasses, model)


def load_own_recipe(family: Family, model: str) -> OwnRecipe | None:
    """Returns the recipe fields that a model brings; None if it brings none."""
    if not family.capabilities.brings_recipe:
        return None
    with naming(family.encoder, "own_recipe", model):
        own = family.encoder.own_recipe(family.source, name=model)
    return None if own is None else check_type(family.encoder, "own_recipe", own, OwnRecipe, model)


def list_known_models(registry: Registry) -> Sequence[KnownModel]:
    """Lists all models that have a short name: those that plugins provide, then those of each family."""
    known: list[KnownModel] = []
    for name, model in registry.make_all("models").items():
        try:
            known.append(_check_model(model, f"the model {name!r} of a plugin"))
        except PluginError as problem:
            warnings.warn(f"{problem}; it is left out", PluginWarning, stacklevel=2)
    for family in registry.make_all("encoders").values():
        try:
            known += _ask_for_models(family)
        except PluginError as problem:
            warnings.warn(f"{problem}; its models are left out", PluginWarning, stacklevel=2)
    return known


def _ask_for_models(family: Encoder) -> list[KnownModel]:
    if not get_capabilities(family, EncoderCapabilities).lists_models:
        return []
    with naming(family, "known_models"):
        listed = list(family.known_models())
    return [
        _check_model(check_type(family, "known_models", model, KnownModel), f"a model of {describe(family)}")
        for model in listed
    ]


def _check_model(model: KnownModel, where: str) -> KnownModel:
    """Returns a model whose fields are of their types, and its facts plain values. Raises PluginError."""
    fields = {one.name: getattr(model, one.name) for one in dataclasses.fields(model)}
    try:
        for field, kind in get_type_hints(KnownModel).items():
            TypeAdapter(kind).validate_python(fields[field], strict=True)
        json.dumps(fields["facts"], allow_nan=False)
    except ValidationError as problem:
        raise PluginError(f"{where}: {field}: {find_first_error(problem)}") from None
    except (TypeError, ValueError, RecursionError) as problem:
        raise PluginError(f"{where}: facts: expected values that JSON has: {summarise(problem)}") from None
    if not model.name or model.dim < 1 or model.image_size < 1:
        raise PluginError(
            f"{where}: expected a name, and dim and image_size above 0, got {model.name!r}, {model.dim} and {model.image_size}"
        )
    return model
