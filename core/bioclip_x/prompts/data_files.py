"""Loads YAML data files and validates them: built-in ones by name, custom ones by path.

Built-in files are read as package data by the package's name, so that the core does not import it.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import read_yaml
from bioclip_x.validation import list_errors

PACKAGE: Final = "bioclip_x_prompts"

Model = TypeVar("Model", bound=BaseModel)


def load(model: type[Model], what: str, folder: str, name: str | Path) -> Model:
    """Loads a built-in file by name, or a file by path (ending in .yaml or .yml, or containing a folder).

    what: kind of file, for messages. folder: of the built-in files of this kind.
    Raises DescriptorError where there is no such file (with a list of built-in ones), with all errors in an invalid file.
    """
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml") or path.name != str(name):
        return _read_and_validate(model, what, path)
    if name not in list_builtin_names(folder):
        known = ", ".join(list_builtin_names(folder)) or "none"
        raise DescriptorError(f"no {what} is called {str(name)!r}; built in: {known}; choose one or give a .yaml file")
    with resources.as_file(resources.files(PACKAGE) / folder / f"{name}.yaml") as file:
        return _read_and_validate(model, what, file)


def list_builtin_names(folder: str) -> tuple[str, ...]:
    """Returns the sorted names of the built-in files in a folder."""
    files = resources.files(PACKAGE) / folder
    names = [entry.name for entry in files.iterdir()] if files.is_dir() else []
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def _read_and_validate(model: type[Model], what: str, path: Path) -> Model:
    document = read_yaml(path, DescriptorError)
    if not isinstance(document, dict):
        raise DescriptorError(f"{path}: expected a {what}: a mapping with {', '.join(model.model_fields)}")
    try:
        return model.model_validate({str(key): value for key, value in document.items()})
    except ValidationError as error:
        raise DescriptorError(f"{path}: {'; '.join(map(str, list_errors(error, model, 'key')))}") from None
