"""The plugins that a recipe uses, and the versions of their code: for the provenance of outputs, and for keys of caches."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

from bioclip_x import __version__
from bioclip_x.hooks.components import Kind
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.recipe import Recipe
from bioclip_x.records.result import PluginInUse


def list_plugins_in_use(registry: Registry, recipe: Recipe) -> tuple[PluginInUse, ...]:
    """Describes the plugins that a recipe enables, and those of its components and model, each once."""
    enabled = registry.load(recipe.plugins)
    provided = [
        found.plugin
        for kind, ref in _list_components(recipe)
        if (found := registry.components(kind).get(ref.name)) is not None
    ]
    return tuple(describe_plugin(registry, name) for name in dict.fromkeys((*enabled, *provided)))


def describe_plugin(registry: Registry, name: str) -> PluginInUse:
    """Describes one registered plugin."""
    if found := _find_distribution(registry, name):
        return PluginInUse(name, found.name, found.version)
    file = _find_file(registry.manager.get_plugin(name))
    if file is None:
        return (
            PluginInUse(name, "bioclip-x", __version__) if registry.plugins[name] == "bioclip-x" else PluginInUse(name)
        )
    shown = file.name if name.endswith(".py") else name  # outputs are published: no folders of this machine
    return PluginInUse(shown, file=file.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def identify_code(registry: Registry, *, encoders: Sequence[str] = (), text_builders: Sequence[str] = ()) -> str:
    """Identifies the code of components, as part of cache keys.

    That is the version of the distribution; for a file, or an editable installation, whose version stays the same while its
    code changes, a hash of the sources of the file or package.
    """
    hash_once = lru_cache(maxsize=None)(_hash_sources)  # components are often of one package
    components: list[tuple[Kind, str]] = [("encoders", name) for name in encoders]
    components += [("text_builders", name) for name in text_builders]
    return json.dumps([_identify(registry, kind, name, hash_once) for kind, name in components])


def _list_components(recipe: Recipe) -> list[tuple[Kind, ComponentRef]]:
    """Lists the components of a recipe, and its model, which a plugin may provide."""
    refs: list[tuple[Kind, ComponentRef]] = [("models", ComponentRef(name=recipe.model))]
    refs.append(("classifiers", ComponentRef(name=recipe.model.partition(":")[0])))
    refs += [(kind, ref) for _, kind, ref in recipe.list_components()]
    if recipe.taxonomy_format:
        refs.append(("taxonomy_readers", ComponentRef(name=recipe.taxonomy_format.partition(":")[0])))
    return refs


def _identify(registry: Registry, kind: Kind, name: str, hash_sources: Callable[[Path], str]) -> list[str]:
    found = registry.components(kind)[name]
    target, installed = found.spec.target, _find_distribution(registry, found.plugin)
    if installed and not _is_editable(installed):
        return [target, installed.name, installed.version]
    plugin_file = _find_file(registry.manager.get_plugin(found.plugin))
    package = _find_package(target.partition(":")[0].partition(".")[0])
    sources = [file for file in (package, plugin_file) if file is not None]
    return [target, *(hash_sources(source) for source in dict.fromkeys(sources))]


def _find_distribution(registry: Registry, name: str) -> Distribution | None:
    """Finds the distribution of an entry point, or of a module that was named by --plugin; None for a file."""
    if known := registry.distributions.get(name):
        return known
    plugin: Any = registry.manager.get_plugin(name)
    file = _find_file(plugin)
    if file is None or not {"site-packages", "dist-packages"} & set(file.parts):
        return None  # asked first, since the following takes a second
    names = packages_distributions().get(plugin.__name__.partition(".")[0], [])
    try:
        return distribution(names[0]) if names else None
    except PackageNotFoundError:
        return None


def _find_file(plugin: Any) -> Path | None:
    file = getattr(plugin, "__file__", None)
    return Path(file) if file else None


def _is_editable(installed: Distribution) -> bool:
    """Whether a distribution is installed in editable form (PEP 610)."""
    try:
        document = json.loads(installed.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return bool(document.get("dir_info", {}).get("editable"))


def _find_package(name: str) -> Path | None:
    """Returns the folder of a package, or the file of a module."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # such as a plugin file's module, which is known by its file
        return None
    if spec is None:
        return None
    return Path(spec.submodule_search_locations[0]) if spec.submodule_search_locations else _find_file_of(spec.origin)


def _find_file_of(origin: str | None) -> Path | None:
    return Path(origin) if origin and Path(origin).is_file() else None


def _hash_sources(source: Path) -> str:
    """Hashes a file, or the names and contents of all Python files of a folder: SHA-256, 64 hex digits."""
    digest = hashlib.sha256()
    for file in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
        digest.update(f"{file.relative_to(source) if source.is_dir() else file.name}\0".encode())
        digest.update(file.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()
