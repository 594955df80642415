"""Reads configuration files: YAML documents that may extend one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioclip_x.errors import BioclipXError
from bioclip_x.io import strict_yaml
from bioclip_x.io.files import read_text, read_yaml

Rename = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Puts present names in place of old ones."""


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
