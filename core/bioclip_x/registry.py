"""Finds plugins, collects their components, and makes components from names and options."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

import pluggy

from bioclip_x import capabilities, hookspecs
from bioclip_x.components import KINDS, ComponentSpec, Kind
from bioclip_x.errors import PluginError
from bioclip_x.hookspecs import GROUP

if TYPE_CHECKING:
    from bioclip_x.components import (
        Dataset,
        Encoder,
        Head,
        LanguageModel,
        LogitAdjustment,
        Loss,
        Report,
        Scorer,
        TaxonomyReader,
        TextBuilder,
    )  # fmt: skip
    from bioclip_x.options import ComponentRef
    from bioclip_x.prompts.llm_prompts import PromptTemplate
    from bioclip_x.records import KnownModel

Declared = TypeVar("Declared")

CAPABILITIES: Final[Mapping[Kind, type]] = {
    "text_builders": capabilities.TextBuilderCapabilities,
    "encoders": capabilities.EncoderCapabilities,
    "scorers": capabilities.ScorerCapabilities,
    "heads": capabilities.HeadCapabilities,
    "losses": capabilities.LossCapabilities,
    "taxonomy_readers": capabilities.TaxonomyReaderCapabilities,
    "language_models": capabilities.LanguageModelCapabilities,
    "datasets": capabilities.DatasetCapabilities,
    "reports": capabilities.ReportCapabilities,
}
"""Kind → the record that its components declare."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A component's spec and the name of the plugin that provides it."""

    spec: ComponentSpec
    plugin: str


class DuplicateError(PluginError):
    """Two plugins provide one name. Never skipped: which of them a recipe means would depend on what is installed."""


class Registry:
    """Plugins and their components. Made by `create_registry`, never global.

    manager: the pluggy manager, for calling hooks. plugins: name → origin (a distribution and its version, a module, a
    file). warnings: one line per installed plugin that was skipped.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.plugins: dict[str, str] = {}
        self.warnings: list[str] = []
        self._components: dict[Kind, dict[str, Registered]] = {kind: {} for kind in KINDS}

    def register(self, name: str, plugin: Any, origin: str) -> None:
        """Adds one plugin, whole or not at all.

        Raises PluginError for a misspelt hook, a hook that fails, or a name that another plugin has; DuplicateError for a
        component name that is taken, or a second default.
        """
        if self.manager.has_plugin(name):
            raise PluginError(f"another plugin is called so: {name!r} of {self.plugins[name]}")
        components = {kind: dict(taken) for kind, taken in self._components.items()}
        origins = self.plugins | {name: origin}
        try:
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
            if not self.manager.get_hookcallers(plugin):
                raise PluginError(f"{origin} has no hook; is @hookimpl missing?")
            found = [(each, Registered(spec, name)) for each in KINDS for spec in self._provided(each, plugin)]
            for kind, one in found:
                _refuse_duplicate(kind, one, components[kind], origins)
                components[kind][one.spec.name] = one
        except Exception as problem:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            if isinstance(problem, pluggy.PluginValidationError):
                known = ", ".join(k for k, v in vars(hookspecs).items() if hasattr(v, f"{GROUP}_spec"))
                raise PluginError(f"{str(problem).strip()}; known hooks: {known}") from None
            raise
        self.plugins, self._components = origins, components

    def load(self, names: Iterable[str]) -> list[str]:
        """Adds plugins by module name or path to a .py file, where they are not there yet. Returns their names here.

        Raises PluginError where one is missing or broken.
        """
        found = []
        for name in names:
            plugin = self.manager.get_plugin(name) or import_plugin(name, known=self.plugins)
            there = self.manager.get_name(plugin)  # a module may be an installed plugin under another name
            if there is None:
                self.register(name, plugin, name)
            found.append(there or name)
        return found

    def components(self, kind: Kind) -> dict[str, Registered]:
        """Name → component of one kind, sorted by name."""
        return dict(sorted(self._components[kind].items()))

    def in_order(self, kind: Kind) -> list[str]:
        """The names of one kind's components in the order in which plugins were registered and list them."""
        return list(self._components[kind])

    def target(self, kind: Kind, name: str) -> Any:
        """Imports what a component's spec points at. Raises PluginError listing the known names, or the cause."""
        found = self._components[kind].get(name)
        if found is None:
            known = ", ".join(sorted(self._components[kind])) or "none"
            raise PluginError(f"no {_singular(kind)} is called {name!r}; known: {known}")
        module, _, attribute = found.spec.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as problem:
            raise PluginError(
                f"the {_singular(kind)} {name!r} of plugin {found.plugin!r} ({self.plugins[found.plugin]}) cannot be "
                f"imported from {found.spec.target!r}: {problem}"
            ) from problem

    @overload
    def make(
        self, kind: Literal["text_builders"], name: str, options: Mapping[str, Any] | None = None
    ) -> TextBuilder: ...
    @overload
    def make(self, kind: Literal["models"], name: str, options: Mapping[str, Any] | None = None) -> KnownModel: ...
    @overload
    def make(self, kind: Literal["encoders"], name: str, options: Mapping[str, Any] | None = None) -> Encoder: ...
    @overload
    def make(self, kind: Literal["scorers"], name: str, options: Mapping[str, Any] | None = None) -> Scorer: ...
    @overload
    def make(
        self, kind: Literal["adjust_logits"], name: str, options: Mapping[str, Any] | None = None
    ) -> LogitAdjustment: ...
    @overload
    def make(self, kind: Literal["heads"], name: str, options: Mapping[str, Any] | None = None) -> Head: ...
    @overload
    def make(self, kind: Literal["losses"], name: str, options: Mapping[str, Any] | None = None) -> Loss: ...
    @overload
    def make(
        self, kind: Literal["taxonomy_readers"], name: str, options: Mapping[str, Any] | None = None
    ) -> TaxonomyReader: ...
    @overload
    def make(
        self, kind: Literal["language_models"], name: str, options: Mapping[str, Any] | None = None
    ) -> LanguageModel: ...
    @overload
    def make(self, kind: Literal["prompts"], name: str, options: Mapping[str, Any] | None = None) -> PromptTemplate: ...
    @overload
    def make(self, kind: Literal["datasets"], name: str, options: Mapping[str, Any] | None = None) -> Dataset: ...
    @overload
    def make(self, kind: Literal["reports"], name: str, options: Mapping[str, Any] | None = None) -> Report: ...
    def make(self, kind: Kind, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """Makes a component, its options validated against its constructor, its capabilities checked.

        Raises PluginError or RecipeError.
        """
        component = self.target(kind, name)(**self.options(kind, name, options or {}))
        if kind in CAPABILITIES:
            get_capabilities(component, CAPABILITIES[kind])
        return component

    def default(self, kind: Kind, setting: str = "") -> str | None:
        """The component that is taken where a recipe names none of this kind; None where no plugin declares one.

        setting: a field or flag of the recipe that brings a component of its own ("rank").
        """
        for name, found in self._components[kind].items():
            if (setting in found.spec.default_for) if setting else found.spec.default:
                return name
        return None

    def required_default(self, kind: Kind) -> str:
        """The same, of kinds of which one is needed. Raises PluginError where no plugin declares one."""
        name = self.default(kind)
        if name is None:
            known = ", ".join(self.components(kind)) or "none"
            raise PluginError(f"no loaded plugin declares a default {_singular(kind)}; name one (known: {known})")
        return name

    def defaults(self, kind: Kind) -> dict[str, str]:
        """Setting → the component of this kind that it brings."""
        return {setting: name for name, found in self._components[kind].items() for setting in found.spec.default_for}

    def options(self, kind: Kind, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options of a component, those given validated. Raises PluginError or RecipeError."""
        from bioclip_x.options import validate_options

        return validate_options(f"{_singular(kind)} {name!r}", self.target(kind, name), options)

    def named(self, kind: Kind, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options given, each under its name. Raises PluginError or RecipeError."""
        from bioclip_x.options import name_options

        return name_options(f"{_singular(kind)} {name!r}", self.target(kind, name), options)

    def configure(self, plugin: str) -> Callable[..., Any] | None:
        """The `configure` hook of one plugin, None where it has none. Raises PluginError for an unknown plugin."""
        if not self.manager.has_plugin(plugin):
            raise PluginError(f"no plugin is called {plugin!r}; known: {', '.join(sorted(self.plugins))}")
        caller = self._hook_of("configure", self.manager.get_plugin(plugin))
        return caller if caller.get_hookimpls() else None

    def _hook_of(self, hook: str, plugin: Any) -> pluggy.HookCaller:
        """A hook as one plugin alone implements it."""
        return self.manager.subset_hook_caller(
            hook, [other for other in self.manager.get_plugins() if other is not plugin]
        )

    def _provided(self, kind: Kind, plugin: Any) -> list[ComponentSpec]:
        specs = [spec for provided in self._hook_of(kind, plugin)() for spec in provided]
        for spec in specs:
            if not isinstance(spec, ComponentSpec):
                raise PluginError(f"its hook {kind} returned {spec!r}; expected ComponentSpecs")
        return specs


def get_capabilities(component: object, kind: type[Declared]) -> Declared:
    """What a component (or its class) declares of itself: its `capabilities`, or the defaults where it has none.

    kind: the record expected, `HeadCapabilities` say. Raises PluginError where it declares something else.
    """
    if not hasattr(component, "capabilities"):
        return kind()
    found = component.capabilities
    if not isinstance(found, kind):
        owner = component if isinstance(component, type) else type(component)
        raise PluginError(
            f"{owner.__module__}.{owner.__qualname__}: expected its attribute 'capabilities' to be an instance of "
            f"{kind.__name__}, got {found!r}"
        )
    return found


def create_registry(
    plugins: Iterable[str] = (),
    *,
    strict: bool = False,
    only: Sequence[str] | None = None,
    trace: bool = False,
    own: Mapping[str, Any] | None = None,
) -> Registry:
    """Loads installed plugins (entry points of group `bioclip_x`) and those named.

    plugins: further ones, by installed name, module, or path to a .py file.
    strict: a broken installed plugin is an error instead of a warning.
    only: entry points to load, by name; None loads all.
    trace: print every hook call to stderr.
    own: plugins of the calling program itself, by name; registered first, whatever `only` says.

    Raises PluginError for a component name provided twice, or for a named plugin that is missing or broken.
    """
    registry = Registry()
    if trace:
        registry.manager.trace.root.setwriter(sys.stderr.write)
        registry.manager.enable_tracing()
    for name, plugin in (own or {}).items():
        registry.register(name, plugin, "bioclip-x")
    points = sorted(entry_points(group=GROUP), key=lambda p: p.name)
    for name in sorted(set(only or ()) - {point.name for point in points}):
        registry.warnings.append(
            f"no installed plugin is called {name!r}; there are {', '.join(p.name for p in points)}"
        )
    for point in points:
        if only is not None and point.name not in only:
            continue
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        try:
            registry.register(point.name, point.load(), origin)
        except DuplicateError:
            raise
        except (Exception, SystemExit) as problem:
            message = f"plugin {point.name!r} of {origin} is broken: {type(problem).__name__}: {problem}"
            if strict:
                raise PluginError(message) from problem
            registry.warnings.append(f"{message}; skipped")
    registry.load(plugins)
    return registry


def from_environment() -> dict[str, Any]:
    """What BIOCLIP_X_PLUGINS (names, comma separated) and BIOCLIP_X_TRACE ask of `create_registry`."""
    only = os.environ.get("BIOCLIP_X_PLUGINS")
    return {
        "only": [name.strip() for name in only.split(",") if name.strip()] if only and only.strip() else None,
        "trace": os.environ.get("BIOCLIP_X_TRACE", "") not in ("", "0"),
    }


def resolve_relative_paths(registry: Registry, kind: Kind, ref: ComponentRef, folder: Path) -> ComponentRef:
    """A component whose options that are relative paths are taken from a folder, such as that of the file it stands in.

    Raises PluginError or RecipeError.
    """
    if not ref.options:
        return ref  # what it points at is not imported before it is needed
    given = registry.named(kind, ref.name, ref.options)
    found = registry.options(kind, ref.name, given)
    paths = {key: str(folder / found[key]) for key in given if isinstance(found[key], Path)}
    return ref.model_copy(update={"options": given | paths})


def import_plugin(name: str, known: Iterable[str] = ()) -> Any:
    """A plugin module by import name or path to a .py file. Raises PluginError with the cause."""
    try:
        return _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except PluginError:
        raise
    except ModuleNotFoundError as problem:
        if problem.name and name.split(".")[0] == problem.name.split(".")[0]:
            raise PluginError(
                f"no plugin is called {name!r}, and no module either; installed: {', '.join(sorted(known)) or 'none'}"
            ) from None
        raise PluginError(f"plugin {name!r} cannot be imported: {problem}") from problem
    except (Exception, SystemExit) as problem:
        raise PluginError(f"plugin {name!r} cannot be imported: {type(problem).__name__}: {problem}") from problem


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise PluginError(f"the plugin file {path} does not exist")
    # Two files of one name are two modules: the place is part of it.
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"bioclip_x_plugin_{path.stem}_{place}", path.resolve())
    assert spec is not None and spec.loader is not None
    if spec.name in sys.modules:
        return sys.modules[spec.name]
    module = importlib.util.module_from_spec(spec)
    # In sys.modules before it runs, so that its own targets (f"{__name__}:Class") can be imported.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _refuse_duplicate(kind: Kind, one: Registered, taken: Mapping[str, Registered], origins: Mapping[str, str]) -> None:
    """Raises DuplicateError where another component has its name, or is the default for the same."""
    for other in taken.values():
        both = set(one.spec.default_for) & set(other.spec.default_for)
        if (one.spec.default and other.spec.default) or both:
            what = f"for {', '.join(sorted(both))}" if both else "where a recipe names none"
            raise DuplicateError(
                f"two plugins provide the default {_singular(kind)} {what}: {other.spec.name!r} of {other.plugin} "
                f"({origins[other.plugin]}) and {one.spec.name!r} of {one.plugin} ({origins[one.plugin]})"
            )
    if same := taken.get(one.spec.name):
        raise DuplicateError(
            f"two plugins provide a {_singular(kind)} called {one.spec.name!r}: "
            f"{same.plugin} ({origins[same.plugin]}) and {one.plugin} ({origins[one.plugin]})"
        )


def _singular(kind: str) -> str:
    words = {"taxonomy_readers": "taxonomy reader", "losses": "loss", "adjust_logits": "logit adjustment"}
    return words.get(kind, kind.replace("_", " ").rstrip("s"))
