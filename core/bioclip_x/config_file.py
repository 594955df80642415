"""Configurations in files: YAML documents that may extend one another, validated as one record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.hooks.options import ComponentRef, parse_ref
from bioclip_x.io import strict_yaml
from bioclip_x.io.files import read_text, read_yaml
from bioclip_x.limits import EXTENDED_FILES
from bioclip_x.validation import list_errors

Record = TypeVar("Record", bound=BaseModel)

STRICT: Final = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)
"""Of the records of a configuration."""

Rename = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Puts present names in place of old ones."""


def _parse_ref(value: Any) -> Any:
    try:
        return parse_ref(value)
    except RecipeError as problem:
        raise ValueError(str(problem)) from None


Ref = Annotated[ComponentRef, BeforeValidator(_parse_ref)]
"""A component and its options."""


class WithComponent(BaseModel):
    """A component with further fields among its options: `{name: descriptors, style: bare, weight: 2}`."""

    model_config = STRICT

    component: Ref

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "component" in value:
            return value if isinstance(value, Mapping) else {"component": value}
        names = {field.alias or name for name, field in cls.model_fields.items()}
        fields = {key: one for key, one in value.items() if key in names}
        return {"component": {key: one for key, one in value.items() if key not in fields}, **fields}


def make_record(
    record: type[Record],
    fields: Mapping[str, Any],
    locate: Callable[[Sequence[str | int]], str],
    error: type[BioclipXError],
) -> Record:
    """Makes a record from plain values. locate: names where a value comes from, which keys and indices lead to.

    Raises `error` naming the field.
    """
    try:
        return record.model_validate(dict(fields))
    except ValidationError as problem:
        details = problem.errors(include_url=False)
        # A misspelt field is named in place of the one that is then missing.
        first = next((i for i, one in enumerate(details) if one["type"] == "extra_forbidden"), 0)
        message = str(list_errors(problem, record)[first])
        # Errors of fields that do not go together have no place; their message begins with a field.
        place = details[first]["loc"] or (message.partition(":")[0],)
        raise error(f"{locate(place)}: {message}") from None


def read_document(
    file: Path, error: type[BioclipXError], rename: Rename = dict, above: tuple[Path, ...] = ()
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Returns the fields of a file and of those that it extends, and the file that each comes from.

    `extends: other.yaml` in it names a file, relative to it, whose fields apply where it does not set them itself. above: the
    files that extend this one. Raises `error` naming the file.
    """
    document = read_yaml(file, error)
    if not isinstance(document, dict):
        raise error(f"{file}: expected a mapping of fields, got {type(document).__name__}")
    document = rename(document)
    extended = document.pop("extends", None)
    own = dict.fromkeys(document, file)
    if extended is None:
        return document, own
    if not isinstance(extended, str):
        raise error(f"{file}: extends: expected the name of a file, got {extended!r}")
    if file.resolve() in above:
        raise error(f"{file}: extends: {extended} extends this file in turn")
    if len(above) == EXTENDED_FILES:
        raise error(f"{file}: extends: more than {EXTENDED_FILES} files extend one another")
    if not os.path.isfile(file.parent / extended):  # noqa: PTH113 - a name may be too long
        raise error(f"{file}: extends: {extended[:200]!r} is no file beside it")
    base, origins = read_document(file.parent / extended, error, rename, (*above, file.resolve()))
    return base | document, origins | own


def set_field(document: dict[str, Any], name: str, value: Any, error: type[BioclipXError]) -> None:
    """Sets a field; "augment.crop_scale" sets a nested one. Raises `error` where the field above is no mapping."""
    *above, last = name.split(".")
    for part in above:
        nested = document.setdefault(part, {})
        if not isinstance(nested, dict):
            raise error(f"{name}: {part} is not a mapping, so it has no fields to set")
        document = nested
    document[last] = value


def find_place(file: Path, origins: Mapping[str, Path], place: Sequence[str | int], error: type[BioclipXError]) -> str:
    """Names the file and line of a value, which keys and indices lead to; `file` where that is not known."""
    origin = origins.get(str(place[0])) if place else None
    line = strict_yaml.find_line(read_text(origin, error), place) if origin else 0
    return f"{origin}, line {line}" if line else str(file)
