"""Finds a plugin by what names it: an installed one, a module, a file, an object."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from bioclip_x.errors import PluginError
from bioclip_x.faults import is_failure, summarise
from bioclip_x.messages import suggest
from bioclip_x.prints import diverted

Plugin = str | os.PathLike[str] | ModuleType | object
"""An installed plugin's name, a module's name, a path to a .py file, a module, or an object whose methods are hooks."""

LONGEST_NAME: Final = 200
"""Characters of a plugin's name in a message."""

FILE_PREFIX: Final = "bioclip_x_plugin_"
"""Of the module names of plugins' files."""


def list_plugins(plugins: Plugin | Iterable[Plugin]) -> tuple[Plugin, ...]:
    """Returns one plugin, or several in a list, tuple, set or iterator, as a tuple."""
    is_many = isinstance(plugins, list | tuple | set | frozenset | Iterator)
    return tuple(plugins) if is_many else (plugins,)  # type: ignore[arg-type]


def name_plugin(plugin: Plugin) -> str:
    """Names a plugin for messages. Raises PluginError for what cannot be one."""
    if isinstance(plugin, str | os.PathLike):
        return os.fspath(plugin)
    if isinstance(plugin, ModuleType):
        return plugin.__name__
    if plugin is None or isinstance(plugin, type | bytes | int | float | Mapping):
        got = f"the class {plugin.__name__}; pass an instance of it" if isinstance(plugin, type) else repr(plugin)
        raise PluginError(f"expected a plugin's name, a module, a .py file, or an object with hooks, got {got}")
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"


def refer_to(module: ModuleType) -> str:
    """Returns the name by which `import_plugin` finds a module again: that of its file if it is a plugin's file."""
    return str(module.__file__) if module.__name__.startswith(FILE_PREFIX) else module.__name__


def import_plugin(name: str, known: Iterable[str] = ()) -> Any:
    """Imports a plugin by module name or path to a .py file. Raises PluginError with the cause."""
    shown = repr(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…")
    try:
        with diverted():
            return _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except PluginError:
        raise
    except ModuleNotFoundError as problem:
        if problem.name and f"{name}.".startswith(f"{problem.name}."):  # it, or a package that it would lie in
            near = suggest(name, known).removeprefix("known: ")
            raise PluginError(f"no plugin and no module is called {shown}; installed: {near}") from None
        raise PluginError(f"plugin {shown} cannot be imported: {summarise(problem)}") from problem
    except BaseException as problem:
        if not is_failure(problem):
            raise
        raise PluginError(f"plugin {shown} cannot be imported: {summarise(problem)}") from problem


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise PluginError(f"the plugin file {path} does not exist")
    # The module name includes a hash of the path, since files in different folders may have the same name.
    path_hash = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"{FILE_PREFIX}{path.stem}_{path_hash}", path.resolve())
    assert spec is not None and spec.loader is not None
    if spec.name in sys.modules:
        return sys.modules[spec.name]
    module = importlib.util.module_from_spec(spec)
    # Added before execution, so that the module's targets (f"{__name__}:Class") can be imported.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
