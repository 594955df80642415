"""Component references (`name:option=value,…`) and the validation of options against a constructor.

A component's options are its constructor's keyword-only arguments. A single argument before them is the option that a value
without an option name sets: with `def __init__(self, set="x", *, name="common")`, `templates:openai-80` means
`templates:set=openai-80`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model

from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.faults import abbreviate, summarise
from bioclip_x.io import strict_yaml
from bioclip_x.limits import NUMBER, REFERENCE_CHARACTERS, SEED
from bioclip_x.messages import shorten, suggest
from bioclip_x.validation import find_first_error

_COMMA: Final = re.compile(r"(?:(?<!=),|,(?!,|$))(?![^\[\]]*\])(?![^{}]*\})")
"""A comma that is not inside brackets, nor a value itself: `decimal=,`."""
SHOWN_CHARACTERS: Final = 100
"""Characters of a reference, or of a part of it, in a message."""
BARE: Final = ""
"""The key of a value without an option name; the component's constructor determines which option it sets."""


class ComponentRef(BaseModel):
    """A component's name and options. In YAML a string, or a mapping of `name` and the options."""

    model_config = ConfigDict(frozen=True)

    name: str
    options: dict[str, Any] = {}

    def __str__(self) -> str:
        options = ",".join(str(value) if key == BARE else f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


def parse_ref(value: Any) -> ComponentRef:
    """Parses `"hedge:threshold=0.8,depth=auto"` or `{"name": "hedge", "threshold": 0.8}`; values are YAML scalars.

    The first value may come without an option name. Values may contain "=" and ":", and commas inside brackets.

    >>> parse_ref("hedge:threshold=0.8").options
    {'threshold': 0.8}
    >>> str(parse_ref("templates:openai-80,name=scientific"))
    'templates:openai-80,name=scientific'
    >>> parse_ref("manifest:path=a.csv,columns={path: file, label: id}").options
    {'path': 'a.csv', 'columns': {'path': 'file', 'label': 'id'}}
    >>> parse_ref("csv:separator=;,decimal=,,bom=true").options
    {'separator': ';', 'decimal': ',', 'bom': True}
    """
    if isinstance(value, ComponentRef):
        return value
    if isinstance(value, Mapping):
        if set(value) == {"name", "options"} and isinstance(value["options"], Mapping):
            return ComponentRef(name=value["name"], options=dict(value["options"]))
        if unnamed := [key for key in value if not isinstance(key, str)]:
            raise RecipeError(f"a component's options have names; got the key {unnamed[0]!r}")
        if "name" not in value:
            raise RecipeError(f"a component needs a 'name'; got only {', '.join(map(str, value)) or 'nothing'}")
        if not isinstance(value["name"], str):
            raise RecipeError(f"expected a component's name, got {abbreviate(value['name'])}")
        return ComponentRef(name=value["name"], options={k: v for k, v in value.items() if k != "name"})
    if not isinstance(value, str) or not value:
        raise RecipeError(f"expected a component's name, got {value!r}")
    if len(value) > REFERENCE_CHARACTERS:
        raise RecipeError(
            f"expected a component's name and options of at most {REFERENCE_CHARACTERS:,} characters, got {len(value):,}: "
            f"{value[:60]!r}…"
        )
    shown = repr(value) if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]!r}…"
    name, _, text = (part.strip() for part in value.partition(":"))
    if not name:
        raise RecipeError(f"{shown}: expected name or name:option=value")
    options: dict[str, Any] = {}
    for part in filter(None, _COMMA.split(text)):
        key, equals, scalar = (piece.strip() for piece in part.partition("="))
        if not equals and not options:
            key, scalar = BARE, part.strip()
        elif not key or not equals:
            hint = " (only the first value may come without an option name)" if not equals else ""
            raise RecipeError(f"{shown}: expected name:option=value, got {part[:SHOWN_CHARACTERS]!r}{hint}")
        if key in options:
            raise RecipeError(f"{shown}: option {key[:SHOWN_CHARACTERS]!r} is given twice")
        try:
            options[key] = scalar if scalar == "," else strict_yaml.load(scalar)
        except (strict_yaml.InvalidDocument, RecursionError) as problem:
            subject = f"the value of {key!r}" if key else "its value"
            reason = shorten(str(problem), 2 * SHOWN_CHARACTERS)
            raise RecipeError(f"{shown}: {subject} cannot be read, {scalar[:SHOWN_CHARACTERS]}: {reason}") from None
    return ComponentRef(name=name, options=options)


def name_options(what: str, target: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options, with a value that came without an option name under the option that it sets.

    what: the component's description in errors ("head 'hedge'").

    Raises RecipeError if `target` has no such option, or if the option is also given by name.
    """
    if BARE not in options:
        return dict(options)
    allowed = list_options(what, target)
    positional = [p.name for p in allowed if p.kind is not p.KEYWORD_ONLY]
    value = options[BARE]
    if not positional:
        known = ", ".join(p.name for p in allowed) or "none"
        raise RecipeError(f"{what}: {value!r} needs an option name, option=value; known: {known}")
    [name] = positional
    if name in options:
        raise RecipeError(f"{what}: option {name!r} is given twice, as {value!r} and as {options[name]!r}")
    return {name if key == BARE else key: one for key, one in options.items()}


def validate_options(what: str, target: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Validates options for `target` and converts them to its annotations; adds the defaults of the others.

    Raises RecipeError naming the invalid option, or listing the known ones.
    """
    options = name_options(what, target, options)
    parameters = list_options(what, target)
    unknown = sorted(set(options) - {p.name for p in parameters})
    if unknown:
        known = suggest(unknown[0], (p.name for p in parameters))
        raise RecipeError(f"{what} has no option {', '.join(map(repr, unknown))}; {known}")
    fields: dict[str, Any] = {p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters}
    config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=(), allow_inf_nan=False)
    try:
        model = create_model("Options", __config__=config, **fields)(**options)
    except PydanticUserError as problem:
        types = ", ".join(f"{p.name}: {p.annotation!r}" for p in parameters)
        raise PluginError(
            f"{what}: the types of its options cannot be validated ({types}): {summarise(problem)}"
        ) from problem
    except ValidationError as problem:
        error = find_first_error(problem)
        raise RecipeError(f"{what}: option {error.place!r}: {error.message}") from None
    validated = {p.name: getattr(model, p.name) for p in parameters}
    for name, given in options.items():
        value = validated[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        most = SEED if isinstance(value, int) else NUMBER
        if isinstance(given, bool) or not abs(value) <= most:
            raise RecipeError(
                f"{what}: option {name!r}: expected a number from {-most:g} to {most:g}, got {abbreviate(given)}"
            )
    return validated


def list_options(what: str, target: Callable[..., Any]) -> list[inspect.Parameter]:
    """Returns the constructor's options: at most one positional argument, then the keyword-only ones.

    Raises PluginError for a constructor with several positional arguments, or with one that has no type.
    """
    try:
        signature = inspect.signature(target, eval_str=True)
    except Exception as problem:  # evaluating an annotation may raise anything
        reason = f"an annotation of its constructor cannot be resolved: {summarise(problem)}"
        raise PluginError(f"{what}: {reason if callable(target) else 'its target cannot be called'}") from problem
    positional = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(positional) > 1:
        names = ", ".join(p.name for p in positional)
        raise PluginError(
            f"{what}: its constructor may have at most one argument that is not keyword-only; it has {names}"
        )
    options = [*positional, *(p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY)]
    for option in options:
        if option.annotation is option.empty:
            raise PluginError(
                f"{what}: the argument {option.name!r} of its constructor has no type, by which options are validated; write "
                f"{_suggest_annotation(option)}"
            )
    return options


def _suggest_annotation(option: inspect.Parameter) -> str:
    """Returns how an argument without a type may be written; a type of its default where that tells one.

    >>> _suggest_annotation(inspect.Parameter("depth", inspect.Parameter.KEYWORD_ONLY, default=3))
    "'depth: int = 3'"
    """
    if option.default is option.empty:
        return f"'{option.name}: float', say, or the type that it has"
    if option.default is None:
        return f"'{option.name}: float | None = None', say, or the type that it has"
    return f"'{option.name}: {type(option.default).__name__} = {option.default!r}'"
