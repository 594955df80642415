"""docs/reference/recipe.md, training.md and building.md: the fields of recipes and configurations, from the models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bioclip_x.dataset.config import BuildConfig
from bioclip_x.recipe import COMPONENTS, Recipe
from bioclip_x.training.config import TrainConfig
from docs.writers.markdown import NOTICE, make_table, name_default, name_type, quote

RECIPE = """
A recipe is all settings of a classification. Each field is a flag of `bioclip-x classify` (`heat_maps` is `--heat-maps`), a key
of a recipe file (`--recipe FILE.yaml`), and a keyword argument of `Classifier.from_recipe`. A *component* is written
`NAME:option=value` or, in YAML, as a mapping with `name` and the options; see [components](components.md). Fields without
a default take that of the installed plugins. Relative paths in a recipe file are relative to the file.
"""
TRAINING = """
The fields of the YAML file that `bioclip-x train` reads; [training](../training.md) says what they are for. `--set FIELD=VALUE`
sets one on the command line. A *component* is written `NAME:option=value`, or as a mapping with `name` and the options; see
[components](components.md). Relative paths are relative to the file.
"""
BUILDING = """
The fields of the YAML file that `bioclip-x dataset build` reads; [building data sets](../building-data-sets.md) says what they
are for. `--set FIELD=VALUE` sets one on the command line. A *component* is written `NAME:option=value`, or as a mapping with
`name` and the options, beside which the fields of a source or of captions stand; see [components](components.md). Relative paths
are relative to the file.
"""


def write_recipe_fields() -> str:
    """Returns the page of recipes."""
    links = {
        name: f" ([{kind.replace('_', ' ')}](components.md#{kind.replace('_', '-')}))"
        for name, kind in COMPONENTS.items()
    }
    parts = [
        "# Fields of a recipe",
        "",
        NOTICE.format(source="`core/bioclip_x/recipe.py`"),
        RECIPE,
        *describe_model(Recipe, links),
    ]
    return "\n".join(parts) + "\n"


def write_training_fields() -> str:
    """Returns the page of training configurations: the fields, and those of the records that are in them."""
    source = NOTICE.format(source="`core/bioclip_x/training/config.py`")
    return _write_models(TrainConfig, ["# Fields of a training configuration", "", source, TRAINING])


def write_building_fields() -> str:
    """Returns the page of the configurations of data sets: the fields, and those of the records that are in them."""
    source = NOTICE.format(source="`core/bioclip_x/dataset/config.py`")
    return _write_models(BuildConfig, ["# Fields of a data set's configuration", "", source, BUILDING])


def _write_models(model: type[BaseModel], beginning: list[str]) -> str:
    parts = [*beginning, *describe_model(model)]
    for nested in list_nested(model):
        parts += [
            "",
            f"## {nested.__name__}",
            "",
            " ".join((nested.__doc__ or "").split()),
            "",
            *describe_model(nested),
        ]
    return "\n".join(parts) + "\n"


def describe_model(model: type[BaseModel], links: dict[str, str] | None = None) -> Iterator[str]:
    """Yields the table of a model's fields. links: appended to the description of a field."""
    yield from make_table(
        ("field", "value", "default", ""),
        [
            (
                quote(field.alias or name),
                _name_field_type(field),
                _name_field_default(field),
                (field.description or "") + (links or {}).get(name, ""),
            )
            for name, field in model.model_fields.items()
        ],
    )


def list_nested(model: type[BaseModel], seen: tuple[type[BaseModel], ...] = ()) -> list[type[BaseModel]]:
    """Lists the models among a model's fields, at any depth, in order; without references to components."""
    found = list(seen)
    for field in model.model_fields.values():
        for one in _list_types(field.annotation):
            if (
                issubclass(one, BaseModel)
                and one.__name__ != "ComponentRef"
                and one not in (*found, TrainConfig, BuildConfig)
            ):
                found = list_nested(one, (*found, one))
    return found


def _list_types(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for one in get_args(annotation):
        yield from _list_types(one)


def _name_field_type(field: FieldInfo) -> str:
    bounds = " ".join(
        f"{sign} {getattr(one, name)}"
        for one in field.metadata
        for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
        if hasattr(one, name)
    )
    return " ".join(filter(None, (name_type(field.annotation), bounds)))


def _name_field_default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    return name_default(field.get_default(call_default_factory=True))
