"""Finds plugins, collects their components, and makes components from names and options."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import Distribution, entry_points
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

import pluggy

from bioclip_x import capabilities, hookspecs
from bioclip_x.components import KINDS, ComponentSpec, Kind
from bioclip_x.errors import PluginError
from bioclip_x.faults import is_remembered, naming, naming_by, remember, summarise
from bioclip_x.hookspecs import GROUP

if TYPE_CHECKING:
    from bioclip_x.components import (
        Adapter,
        Dataset,
        Encoder,
        Head,
        ImageClassifier,
        ImageDecoder,
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

Plugin = str | os.PathLike[str] | ModuleType | object
"""An installed plugin's name, a module's name, a path to a .py file, a module, or an object whose methods are hooks."""

CAPABILITIES: Final[Mapping[Kind, type]] = {
    "text_builders": capabilities.TextBuilderCapabilities,
    "encoders": capabilities.EncoderCapabilities,
    "classifiers": capabilities.ImageClassifierCapabilities,
    "scorers": capabilities.ScorerCapabilities,
    "heads": capabilities.HeadCapabilities,
    "losses": capabilities.LossCapabilities,
    "taxonomy_readers": capabilities.TaxonomyReaderCapabilities,
    "language_models": capabilities.LanguageModelCapabilities,
    "datasets": capabilities.DatasetCapabilities,
    "image_decoders": capabilities.ImageDecoderCapabilities,
    "reports": capabilities.ReportCapabilities,
    "adjust_logits": capabilities.LogitAdjustmentCapabilities,
}
"""Kind → the capabilities record of its components."""

METHODS: Final[Mapping[Kind, str]] = {
    "text_builders": "build", "encoders": "load", "classifiers": "labels", "scorers": "logits",
    "adjust_logits": "offsets", "heads": "decide",
}  # fmt: skip
"""Kind of the components of a recipe → the method by which one is recognised."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A component's spec and the name of the plugin that provides it."""

    spec: ComponentSpec
    plugin: str


FILE_PREFIX: Final = "bioclip_x_plugin_"
"""Of the module names of plugins' files."""


class DuplicateError(PluginError):
    """Two plugins provide the same name.

    Never skipped: which of them a recipe refers to would depend on the installed plugins.
    """


class Registry:
    """Plugins and their components. Created by `create_registry`; there is no global one.

    manager: the pluggy manager, for calling hooks. plugins: name → origin (a distribution and its version, a module, a
    file). distributions: name → the distribution of an installed plugin. warnings: one line per skipped plugin.

    Threads: make components from any number of threads; register plugins in one, before. Pickling: a registry is pickled as
    the names of its plugins' modules, the paths of its plugins' files and the objects given; unpickling imports them again,
    before anything that is defined in them.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.plugins: dict[str, str] = {}
        self.distributions: dict[str, Distribution] = {}
        self.warnings: list[str] = []
        self._components: dict[Kind, dict[str, Registered]] = {kind: {} for kind in KINDS}
        self._made: dict[tuple[Kind, str], object] = {}

    def __repr__(self) -> str:
        return f"Registry({', '.join(self.plugins)})"

    def __reduce__(self) -> tuple[Any, ...]:
        plugins = {name: plugin for name in self.plugins if (plugin := self.manager.get_plugin(name)) is not None}
        modules = {name: _refer_to(plugin) for name, plugin in plugins.items() if isinstance(plugin, ModuleType)}
        objects = {name: plugin for name, plugin in plugins.items() if name not in modules}
        # As bytes, since their classes may be defined in plugins' files, which are loaded first.
        return _restore_registry, (self.plugins, modules, pickle.dumps((objects, self._made)), self.warnings)

    def register(self, name: str, plugin: Any, origin: str) -> None:
        """Registers one plugin completely or not at all.

        Raises PluginError for a misspelt hook, a failing hook or a plugin name in use; DuplicateError for a component name
        in use or a second default.
        """
        if self.manager.has_plugin(name):
            raise PluginError(f"the plugin name {name!r} is in use by {self.plugins[name]}")
        components = {kind: dict(taken) for kind, taken in self._components.items()}
        origins = self.plugins | {name: origin}
        try:
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
            if not self.manager.get_hookcallers(plugin):
                raise PluginError(f"{origin} has no hook; is @hookimpl missing?")
            provided = [(kind, Registered(spec, name)) for kind in KINDS for spec in self._collect_specs(kind, plugin)]
            for kind, one in provided:
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

    def load(self, plugins: Iterable[Plugin]) -> list[str]:
        """Registers plugins unless they are registered: installed ones, modules, .py files, or objects. Returns their names.

        Raises PluginError for a missing or broken one.
        """
        loaded = []
        for given in plugins:
            name = _name_plugin(given)
            if isinstance(given, str | os.PathLike):
                plugin = self.manager.get_plugin(name) or import_plugin(name, known=self.plugins)
            else:
                plugin = given
            registered_name = self.manager.get_name(plugin)  # a module may be an installed plugin under another name
            if registered_name is None:
                self.register(name, plugin, name)
            loaded.append(registered_name or name)
        return loaded

    def add(self, kind: Kind, component: object) -> str:
        """Adds a component that the calling program made. Returns the name by which a recipe refers to it.

        Raises PluginError for a class, and for an object that is no component of this kind.
        """
        method = METHODS[kind]
        what = _name_kind(kind)
        if isinstance(component, type):
            raise PluginError(f"expected a {what}, got the class {component.__name__}; pass an instance of it")
        if not callable(getattr(component, method, None)):
            raise PluginError(
                f"expected the name of a {what}, or an object with a method {method!r}, got {type(component).__name__}"
            )
        base = type(component).__name__
        names = (base if number == 1 else f"{base}-{number}" for number in count(1))
        name = next(
            one for one in names if self._made.get((kind, one)) is component or one not in self._components[kind]
        )
        self._add_as(kind, name, component)
        return name

    def _add_as(self, kind: Kind, name: str, component: object) -> None:
        self._made[kind, name] = component
        self._components[kind][name] = Registered(ComponentSpec(name, "of the calling program", ""), "caller")
        self.plugins.setdefault("caller", "the calling program")

    def components(self, kind: Kind) -> dict[str, Registered]:
        """Returns name → component of one kind, sorted by name."""
        return dict(sorted(self._components[kind].items()))

    def in_order(self, kind: Kind) -> list[str]:
        """Returns the component names of one kind in registration order."""
        return list(self._components[kind])

    def target(self, kind: Kind, name: str) -> Any:
        """Imports a component's target. Raises PluginError listing the known names, or with the cause."""
        found = self._components[kind].get(name)
        if found is None:
            known = ", ".join(sorted(self._components[kind])) or "none"
            raise PluginError(f"no {_name_kind(kind)} is called {name!r}; known: {known}")
        if (kind, name) in self._made:
            return lambda: self._made[kind, name]
        module, _, attribute = found.spec.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as problem:
            reason = problem if isinstance(problem, (ImportError, AttributeError)) else summarise(problem)
            raise PluginError(
                f"{self.describe(kind, name)} cannot be imported from {found.spec.target!r}: {reason}"
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
    def make(
        self, kind: Literal["classifiers"], name: str, options: Mapping[str, Any] | None = None
    ) -> ImageClassifier: ...
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
    def make(
        self, kind: Literal["image_decoders"], name: str, options: Mapping[str, Any] | None = None
    ) -> ImageDecoder: ...
    @overload
    def make(self, kind: Literal["adapters"], name: str, options: Mapping[str, Any] | None = None) -> Adapter: ...
    @overload
    def make(self, kind: Literal["callbacks"], name: str, options: Mapping[str, Any] | None = None) -> object: ...
    @overload
    def make(self, kind: Literal["reports"], name: str, options: Mapping[str, Any] | None = None) -> Report: ...
    def make(self, kind: Kind, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """Makes a component after validating its options against its constructor, and checks its capabilities.

        Raises PluginError or RecipeError.
        """
        target, validated = self.target(kind, name), self.options(kind, name, options or {})
        shown = self.describe(kind, name)
        with naming_by(shown, "its constructor"):
            component = target(**validated)
        remember(component, shown)
        if kind in CAPABILITIES:
            get_capabilities(component, CAPABILITIES[kind])
        return component

    def describe(self, kind: Kind, name: str) -> str:
        """Returns how errors name a component of this registry: its kind, name, plugin, and where that comes from."""
        plugin = self._components[kind][name].plugin
        return f"the {_name_kind(kind)} {name!r} of plugin {plugin!r} ({self.plugins[plugin]})"

    def notify(self, hook: str, **arguments: Any) -> list[Any]:
        """Calls a hook of every plugin; returns what they answer. Raises ComponentError naming the one that fails."""
        answers = []
        for name, plugin in self.manager.list_name_plugin():
            if plugin is not None and (caller := self._select_hook(hook, plugin)).get_hookimpls():
                with self._naming(name, plugin, hook):
                    answers += caller(**arguments)
        return answers

    def _naming(self, name: str, plugin: object, hook: str) -> AbstractContextManager[None]:
        if name in self.plugins:
            return naming_by(f"the plugin {name!r} ({self.plugins[name]})", hook)
        # Else it is a component, such as a callback of a run, or part of the program, such as its progress bar.
        return naming(plugin, hook) if is_remembered(plugin) else nullcontext()

    def default(self, kind: Kind, setting: str = "") -> str | None:
        """Returns the component used when a recipe names none of this kind; None if no plugin declares one.

        setting: a recipe field or flag that implies a component ("rank").
        """
        for name, found in self._components[kind].items():
            if (setting in found.spec.default_for) if setting else found.spec.default:
                return name
        return None

    def required_default(self, kind: Kind) -> str:
        """Returns the default component of a kind. Raises PluginError if no plugin declares one."""
        name = self.default(kind)
        if name is None:
            known = ", ".join(self.components(kind)) or "none"
            raise PluginError(f"no loaded plugin declares a default {_name_kind(kind)}; name one (known: {known})")
        return name

    def defaults(self, kind: Kind) -> dict[str, str]:
        """Returns setting → the component of this kind that it implies."""
        return {setting: name for name, found in self._components[kind].items() for setting in found.spec.default_for}

    def options(self, kind: Kind, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Validates options and adds the defaults of the others. Raises PluginError or RecipeError."""
        from bioclip_x.options import validate_options

        return validate_options(f"{_name_kind(kind)} {name!r}", self.target(kind, name), options)

    def parameters(self, kind: Kind, name: str) -> list[inspect.Parameter]:
        """Returns the options of a component, with their types and defaults. Raises PluginError."""
        from bioclip_x.options import list_options

        return list_options(f"{_name_kind(kind)} {name!r}", self.target(kind, name))

    def name_options(self, kind: Kind, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the given options with each under its name. Raises PluginError or RecipeError."""
        from bioclip_x.options import name_options

        return name_options(f"{_name_kind(kind)} {name!r}", self.target(kind, name), options)

    def configure(self, plugin: str) -> Callable[..., Any] | None:
        """Returns one plugin's `configure` hook, None if it has none. Raises PluginError for an unknown plugin."""
        if not self.manager.has_plugin(plugin):
            raise PluginError(f"no plugin is called {plugin!r}; known: {', '.join(sorted(self.plugins))}")
        caller = self._select_hook("configure", self.manager.get_plugin(plugin))
        return caller if caller.get_hookimpls() else None

    def _select_hook(self, hook: str, plugin: Any) -> pluggy.HookCaller:
        """Returns a hook restricted to one plugin's implementation."""
        return self.manager.subset_hook_caller(
            hook, [other for other in self.manager.get_plugins() if other is not plugin]
        )

    def _collect_specs(self, kind: Kind, plugin: Any) -> list[ComponentSpec]:
        with naming_by(f"the plugin {self.manager.get_name(plugin)!r}", f"its hook {kind}"):
            specs = [spec for provided in self._select_hook(kind, plugin)() for spec in provided]
        for spec in specs:
            if not isinstance(spec, ComponentSpec):
                raise PluginError(f"its hook {kind} returned {spec!r}; expected ComponentSpecs")
        return specs


def get_capabilities(component: object, kind: type[Declared]) -> Declared:
    """Returns the `capabilities` of a component or its class, or the defaults if it has none.

    kind: the expected record, for example `HeadCapabilities`. Raises PluginError for another type.
    """
    if not hasattr(component, "capabilities"):
        return kind()
    declared = component.capabilities
    if not isinstance(declared, kind):
        owner = component if isinstance(component, type) else type(component)
        raise PluginError(
            f"{owner.__module__}.{owner.__qualname__}: expected its attribute 'capabilities' to be an instance of "
            f"{kind.__name__}, got {declared!r}"
        )
    return declared


def list_plugins(plugins: Plugin | Iterable[Plugin]) -> tuple[Plugin, ...]:
    """Returns one plugin, or several in a list, tuple, set or iterator, as a tuple."""
    is_many = isinstance(plugins, list | tuple | set | frozenset | Iterator)
    return tuple(plugins) if is_many else (plugins,)  # type: ignore[arg-type]


def _name_plugin(plugin: Plugin) -> str:
    """Names a plugin for messages. Raises PluginError for what cannot be one."""
    if isinstance(plugin, str | os.PathLike):
        return os.fspath(plugin)
    if isinstance(plugin, ModuleType):
        return plugin.__name__
    if plugin is None or isinstance(plugin, type | bytes | int | float | Mapping):
        got = f"the class {plugin.__name__}; pass an instance of it" if isinstance(plugin, type) else repr(plugin)
        raise PluginError(f"expected a plugin's name, a module, a .py file, or an object with hooks, got {got}")
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"


def create_registry(
    plugins: Iterable[Plugin] = (),
    *,
    strict: bool = False,
    only: Sequence[str] | None = None,
    trace: bool = False,
    own: Mapping[str, Any] | None = None,
) -> Registry:
    """Loads the installed plugins (entry points of group `bioclip_x`) and the given ones.

    plugins: further plugins; see `Plugin`.
    strict: raise an error for a broken installed plugin instead of a warning.
    only: names of the entry points to load; None loads all.
    trace: print every hook call to stderr.
    own: plugins of the calling program, by name; registered first, regardless of `only`.

    Raises PluginError for a component name provided twice, or if one of `plugins` is missing or broken.
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
            f"no installed plugin is called {name!r}; installed: {', '.join(p.name for p in points)}"
        )
    for point in points:
        if only is not None and point.name not in only:
            continue
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        try:
            registry.register(point.name, point.load(), origin)
            if point.dist:
                registry.distributions[point.name] = point.dist
        except DuplicateError:
            raise
        except (Exception, SystemExit) as problem:
            message = f"plugin {point.name!r} of {origin} is broken: {summarise(problem)}"
            if strict:
                raise PluginError(message) from problem
            registry.warnings.append(f"{message}; skipped")
    registry.load(plugins)
    return registry


def from_environment() -> dict[str, Any]:
    """Reads arguments of `create_registry` from BIOCLIP_X_PLUGINS (comma-separated names) and BIOCLIP_X_TRACE."""
    only = os.environ.get("BIOCLIP_X_PLUGINS")
    return {
        "only": [name.strip() for name in only.split(",") if name.strip()] if only and only.strip() else None,
        "trace": os.environ.get("BIOCLIP_X_TRACE", "") not in ("", "0"),
    }


def _refer_to(module: ModuleType) -> str:
    """Returns the name by which `import_plugin` finds a module again: that of its file if it is a plugin's file."""
    return str(module.__file__) if module.__name__.startswith(FILE_PREFIX) else module.__name__


def _restore_registry(
    plugins: Mapping[str, str], modules: Mapping[str, str], pickled: bytes, warnings: Sequence[str]
) -> Registry:
    """Makes a pickled registry again, in the same order. Raises PluginError for a plugin that is not there."""
    loaded = {name: import_plugin(reference) for name, reference in modules.items()}
    objects, made = pickle.loads(pickled)
    registry = Registry()
    for name, origin in plugins.items():
        if name in loaded or name in objects:
            registry.register(name, loaded[name] if name in loaded else objects[name], origin)
    for (kind, name), component in made.items():
        registry._add_as(kind, name, component)  # noqa: SLF001
    installed = {point.name: point.dist for point in entry_points(group=GROUP) if point.dist}
    registry.distributions = {name: dist for name, dist in installed.items() if name in modules}
    registry.warnings = list(warnings)
    return registry


def resolve_relative_paths(registry: Registry, kind: Kind, ref: ComponentRef, folder: Path) -> ComponentRef:
    """Resolves a component's path options against a folder, such as that of the file that contains the reference.

    Raises PluginError or RecipeError.
    """
    if not ref.options:
        return ref  # avoids importing the target before it is needed
    given = registry.name_options(kind, ref.name, ref.options)
    validated = registry.options(kind, ref.name, given)
    paths = {key: str(folder / validated[key]) for key in given if isinstance(validated[key], Path)}
    return ref.model_copy(update={"options": given | paths})


def import_plugin(name: str, known: Iterable[str] = ()) -> Any:
    """Imports a plugin by module name or path to a .py file. Raises PluginError with the cause."""
    try:
        return _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except PluginError:
        raise
    except ModuleNotFoundError as problem:
        if problem.name and name.split(".")[0] == problem.name.split(".")[0]:
            raise PluginError(
                f"no plugin and no module is called {name!r}; installed: {', '.join(sorted(known)) or 'none'}"
            ) from None
        raise PluginError(f"plugin {name!r} cannot be imported: {problem}") from problem
    except (Exception, SystemExit) as problem:
        raise PluginError(f"plugin {name!r} cannot be imported: {summarise(problem)}") from problem


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


def _refuse_duplicate(kind: Kind, one: Registered, taken: Mapping[str, Registered], origins: Mapping[str, str]) -> None:
    """Raises DuplicateError if another component has the same name or is a default for the same setting."""
    for other in taken.values():
        both = set(one.spec.default_for) & set(other.spec.default_for)
        if (one.spec.default and other.spec.default) or both:
            what = f"for {', '.join(sorted(both))}" if both else "where a recipe names none"
            raise DuplicateError(
                f"two plugins provide the default {_name_kind(kind)} {what}: {other.spec.name!r} of {other.plugin} "
                f"({origins[other.plugin]}) and {one.spec.name!r} of {one.plugin} ({origins[one.plugin]})"
            )
    if same := taken.get(one.spec.name):
        raise DuplicateError(
            f"two plugins provide a {_name_kind(kind)} called {one.spec.name!r}: "
            f"{same.plugin} ({origins[same.plugin]}) and {one.plugin} ({origins[one.plugin]})"
        )


def _name_kind(kind: str) -> str:
    words = {"taxonomy_readers": "taxonomy reader", "losses": "loss", "adjust_logits": "logit adjustment"}
    return words.get(kind, kind.replace("_", " ").rstrip("s"))
