"""Data files of one schema each, in YAML: those that come with bioclip-x by name, anybody's own by path.

The built-in files are read by the name of their package, as data, so that the core imports nothing of theirs.
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
    """A built-in file by name, or a file by path (it ends in .yaml or .yml, or has a folder in it).

    what: what the file is, for messages. folder: where the built-in ones of its kind are.
    Raises DescriptorError: nothing of that name (the built-in ones are listed), or everything that is wrong in the file.
    """
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml") or path.name != str(name):
        return _read(model, what, path)
    if name not in list_builtin_names(folder):
        known = ", ".join(list_builtin_names(folder)) or "none"
        raise DescriptorError(f"no {what} is called {str(name)!r}; built in: {known}; or give a .yaml file")
    with resources.as_file(resources.files(PACKAGE) / folder / f"{name}.yaml") as file:
        return _read(model, what, file)


def list_builtin_names(folder: str) -> tuple[str, ...]:
    """Names of the files of one kind that come with bioclip-x, sorted."""
    files = resources.files(PACKAGE) / folder
    names = [entry.name for entry in files.iterdir()] if files.is_dir() else []
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def _read(model: type[Model], what: str, path: Path) -> Model:
    document = read_yaml(path, DescriptorError)
    if not isinstance(document, dict):
        raise DescriptorError(f"{path}: expected a {what}: a mapping with {', '.join(model.model_fields)}")
    try:
        return model.model_validate({str(key): value for key, value in document.items()})
    except ValidationError as problem:
        raise DescriptorError(f"{path}: {'; '.join(map(str, list_errors(problem, model, 'key')))}") from None
