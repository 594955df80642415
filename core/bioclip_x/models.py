"""What is asked of a family of models, which may be anybody's: a plugin need only be able to `load`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from bioclip_x.components import Encoder, LoadedEncoder
from bioclip_x.errors import ModelError
from bioclip_x.recipe import Recipe
from bioclip_x.records import KnownModel, OwnClasses


def load_encoder(family: Encoder, recipe: Recipe) -> LoadedEncoder:
    """The recipe's model, loaded.

    Raises ModelError where it is not to be had, or its family cannot feed pictures as the recipe says.
    """
    # Passed on only where it is not the rule: a family that knows of the model's own way alone is as good.
    how: dict[str, Any] = {} if recipe.preprocess == "model" else {"preprocess": recipe.preprocess}
    if how and not takes(family.load, "preprocess"):
        raise ModelError(
            f"the encoder {recipe.encoder.name!r} feeds pictures only as its models say; leave out --preprocess"
        )
    return family.load(recipe.model, device=recipe.device, precision=recipe.precision, **how)


def own_classes(family: Encoder, model: str, *, embeddings: bool) -> OwnClasses | None:
    """The list of classes that a model brings; None for every model of a family that knows of no lists."""
    asked = getattr(family, "own_classes", None)
    return asked(model, embeddings=embeddings) if asked else None


def known_models(family: Encoder) -> Sequence[KnownModel]:
    """The models that have a short name; none in a family that has no short names."""
    asked = getattr(family, "known_models", None)
    return asked() if asked else ()


def takes(function: Callable[..., Any], argument: str) -> bool:
    """
    >>> takes(lambda *, a: 0, "a"), takes(lambda **anything: 0, "a"), takes(lambda: 0, "a")
    (True, True, False)
    """
    parameters = inspect.signature(function).parameters
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
