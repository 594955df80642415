"""Component references (`name:option=value,…`) and the validation of options against a constructor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from bioclip_x.errors import PluginError, RecipeError


class ComponentRef(BaseModel):
    """A component by name, with options. In YAML a string, or a mapping with `name` and the options beside it."""

    model_config = ConfigDict(frozen=True)

    name: str
    options: dict[str, Any] = {}

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


def parse_ref(value: Any) -> ComponentRef:
    """Reads `"hedge:threshold=0.8,depth=auto"` or `{"name": "hedge", "threshold": 0.8}`; values are YAML scalars.

    >>> parse_ref("hedge:threshold=0.8").options
    {'threshold': 0.8}
    """
    if isinstance(value, ComponentRef):
        return value
    if isinstance(value, Mapping):
        if set(value) == {"name", "options"} and isinstance(value["options"], Mapping):
            return ComponentRef(name=value["name"], options=dict(value["options"]))
        if "name" not in value:
            raise RecipeError(f"a component needs a 'name'; got only {', '.join(map(str, value)) or 'nothing'}")
        return ComponentRef(name=str(value["name"]), options={k: v for k, v in value.items() if k != "name"})
    if not isinstance(value, str) or not value:
        raise RecipeError(f"expected a component's name, got {value!r}")
    name, _, text = (part.strip() for part in value.partition(":"))
    if not name:
        raise RecipeError(f"{value!r}: expected name or name:option=value")
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, scalar = part.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"{value!r}: expected name:option=value, got {part!r} after the name")
        try:
            options[key.strip()] = yaml.safe_load(scalar)
        except yaml.YAMLError:
            raise RecipeError(f"{value!r}: the value of {key.strip()!r} is not valid YAML: {scalar}") from None
    return ComponentRef(name=name, options=options)


def validated(what: str, target: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options for `target`, converted to its annotations. Raises RecipeError naming the option and listing the known."""
    try:
        signature = inspect.signature(target, eval_str=True)
    except NameError as problem:
        raise PluginError(f"{what}: an annotation of its constructor cannot be resolved: {problem}") from problem
    parameters = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    unknown = sorted(set(options) - {p.name for p in parameters})
    if unknown:
        known = ", ".join(p.name for p in parameters) or "none"
        raise RecipeError(f"{what} has no option {', '.join(map(repr, unknown))}; known: {known}")
    fields: dict[str, Any] = {p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters}
    config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())
    try:
        model = create_model("Options", __config__=config, **fields)(**options)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise RecipeError(f"{what}: option {'.'.join(map(str, first['loc']))!r}: {first['msg']}") from None
    return {p.name: getattr(model, p.name) for p in parameters}
