"""Finds plugins, collects their components, and makes components from names and options."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import Distribution, EntryPoint, entry_points
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, overload

import pluggy

from bioclip_x.errors import BioclipXError, ComponentError, PluginError, PluginWarning
from bioclip_x.faults import abbreviate, describe, is_failure, is_remembered, naming_by, remember, summarise
from bioclip_x.hooks import specs
from bioclip_x.hooks.api_version import check_api_version, describe_changes
from bioclip_x.hooks.capabilities import CAPABILITIES, get_capabilities
from bioclip_x.hooks.components import KINDS, METHODS, ComponentSpec, Kind
from bioclip_x.hooks.loading import Plugin, import_plugin, name_plugin, refer_to
from bioclip_x.hooks.registration import (
    BLOCK,
    ITS_HOOK,
    Arrangement,
    DuplicateError,
    Registered,
    arrange,
    check_specs,
    describe_clash,
    name_kind,
)
from bioclip_x.hooks.specs import GROUP, TRAINING_HOOKS
from bioclip_x.messages import add_article, suggest
from bioclip_x.prints import diverted
from bioclip_x.renamed_names import add_old_arguments

if TYPE_CHECKING:
    from bioclip_x.hooks.components import (
        Adapter,
        Captioner,
        Dataset,
        Detector,
        Encoder,
        Head,
        ImageClassifier,
        ImageDecoder,
        ImageSource,
        LanguageModel,
        LogitAdjustment,
        Loss,
        Report,
        Scorer,
        TaxonomyReader,
        TextBuilder,
    )  # fmt: skip
    from bioclip_x.hooks.options import ComponentRef
    from bioclip_x.prompts.llm_prompts import PromptTemplate
    from bioclip_x.records import KnownModel


class Registry:
    """Plugins and their components. Created by `create_registry`; there is no global one.

    manager: the pluggy manager, for calling hooks. plugins: name → origin (a distribution and its version, a module, a
    file). distributions: name → the distribution of an installed plugin. blocked: names of installed plugins that are left out.
    warnings: one line per skipped plugin, and per name that two installed plugins claim. None of the claimants is preferred:
    what needs such a component raises DuplicateError, until one of the plugins is blocked.

    Threads: make components from any number of threads; register plugins in one, before. Pickling: a registry is pickled as
    the names of its plugins' modules, the paths of its plugins' files and the objects given; unpickling imports them again,
    before anything that is defined in them.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(specs)
        self.plugins: dict[str, str] = {}
        self.distributions: dict[str, Distribution] = {}
        self.blocked: set[str] = set()
        self.warnings: list[str] = []
        self._provided: list[tuple[Kind, Registered]] = []
        self._arranged = Arrangement({kind: {} for kind in KINDS})
        self._made: dict[tuple[Kind, str], object] = {}

    def __repr__(self) -> str:
        return f"Registry({', '.join(self.plugins)})"

    def __reduce__(self) -> tuple[Any, ...]:
        plugins = {name: plugin for name in self.plugins if (plugin := self.manager.get_plugin(name)) is not None}
        modules = {name: refer_to(plugin) for name, plugin in plugins.items() if isinstance(plugin, ModuleType)}
        objects = {name: plugin for name, plugin in plugins.items() if name not in modules}
        # As bytes, since their classes may be defined in plugins' files, which are loaded first.
        made = pickle.dumps((objects, self._made))
        return _restore_registry, (self.plugins, modules, made, self.warnings, self.blocked)

    def register(self, name: str, plugin: Any, origin: str, *, may_clash: bool = False) -> None:
        """Registers one plugin completely or not at all.

        may_clash: whether it may claim names that are in use; they are then refused when they are needed.

        Raises PluginError for a misspelt hook, a failing hook, malformed components or a plugin name in use; DuplicateError
        for a component name in use or a second default. A plugin for another version of the interface (`api_version`) is
        refused first.
        """
        if self.manager.has_plugin(name):
            raise PluginError(f"the plugin name {name!r} is in use by {self.plugins[name]}")
        check_api_version(plugin, origin, self._list_hooks(plugin))
        origins = self.plugins | {name: origin}
        try:
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
            if not self.manager.get_hookcallers(plugin):
                raise PluginError(f"{origin} has no hook; is @hookimpl missing?")
            self._refuse_wrappers(plugin)
            provided = [
                *self._provided,
                *(
                    (kind, Registered(spec, name, order))
                    for kind in KINDS
                    for spec, order in self._collect(kind, plugin)
                ),
            ]
            arranged = arrange(provided)
            self._refuse_new_clashes(name, arranged, origins, may_clash=may_clash)
        except Exception as problem:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            if isinstance(problem, pluggy.PluginValidationError):
                known = ", ".join(k for k, v in vars(specs).items() if hasattr(v, f"{GROUP}_spec"))
                changes = describe_changes(self._list_hooks(plugin))
                hint = f"; was it written for an older version? {changes}" if changes else ""
                raise PluginError(f"{' '.join(str(problem).split())}; known hooks: {known}{hint}") from None
            raise
        self.plugins, self._provided, self._arranged = origins, provided, arranged

    def block(self, name: str) -> None:
        """Leaves an installed plugin out, with all its components. Raises PluginError for an unknown one."""
        if name in self.blocked:
            return
        if name not in self.distributions:
            installed = suggest(name, self.distributions)
            reason = (
                "is not an installed one, and is on only if it is named" if name in self.plugins else "is not installed"
            )
            raise PluginError(f"{BLOCK}{name}: the plugin {name!r} {reason}; {installed}")
        self.manager.unregister(name=name)
        del self.plugins[name], self.distributions[name]
        self.blocked.add(name)
        self._provided = [(kind, one) for kind, one in self._provided if one.plugin != name]
        self._arranged = arrange(self._provided)

    def clashes(self, kinds: Collection[Kind] = KINDS) -> list[str]:
        """Says for each name that several installed plugins claim who does, and what to do."""
        return [self._describe_clash(*clash) for clash in self._arranged.list_clashes() if clash[0] in kinds]

    def _refuse_new_clashes(
        self, name: str, arranged: Arrangement, origins: Mapping[str, str], *, may_clash: bool
    ) -> None:
        for kind, setting, ones in arranged.list_clashes():
            claimants = [one.plugin for one in ones]
            if name in claimants and (not may_clash or claimants.count(name) > 1):
                raise DuplicateError(describe_clash(kind, setting, ones, origins) + self._name_way_out(claimants))

    def _describe_clash(self, kind: Kind, setting: str | None, ones: Sequence[Registered]) -> str:
        claimants = [one.plugin for one in ones]
        return describe_clash(kind, setting, ones, self.plugins) + self._name_way_out(claimants)

    def _name_way_out(self, plugins: Iterable[str]) -> str:
        """Names the flags that leave out one of several plugins; the program's own are not offered."""
        flags = [
            f"--plugin {BLOCK}{name}"
            for name in dict.fromkeys(plugins)
            if name in self.distributions and self.distributions[name].name != "bioclip-x"
        ]
        return f"; leave one out with {' or '.join(flags)}" if flags else ""

    def _refuse_wrappers(self, plugin: Any) -> None:
        """Raises PluginError for a wrapper of a hook that is called for one plugin at a time, where it has nothing to wrap."""
        for caller in self.manager.get_hookcallers(plugin) or ():
            wraps_others = any(one.wrapper or one.hookwrapper for one in caller.get_hookimpls() if one.plugin is plugin)
            if wraps_others and caller.name not in TRAINING_HOOKS:
                raise PluginError(
                    f"{ITS_HOOK} {caller.name} is a wrapper; only the hooks of a training run can be wrapped "
                    f"({', '.join(TRAINING_HOOKS)}), since {caller.name} is called for one plugin at a time"
                )

    def load(self, plugins: Iterable[Plugin]) -> list[str]:
        """Registers plugins unless they are registered: installed ones, modules, .py files, or objects. Returns their names.

        "no:NAME" leaves out an installed one. Raises PluginError for a missing, broken or blocked one.
        """
        loaded = []
        given_plugins = list(plugins)
        for name in find_blocked(given_plugins):
            self.block(name)
        for given in given_plugins:
            name = name_plugin(given)
            if name.startswith(BLOCK):
                continue
            if name in self.blocked:
                raise PluginError(f"the plugin {name!r} is left out by {BLOCK}{name}; drop one of the two")
            if isinstance(given, str | os.PathLike):
                plugin = self.manager.get_plugin(name) or import_plugin(name, known=self.plugins)
            else:
                plugin = given
            registered_name = self.manager.get_name(plugin)  # a module may be an installed plugin under another name
            if registered_name is None:
                self._register_given(name, plugin)
            loaded.append(registered_name or name)
        return loaded

    def _register_given(self, name: str, plugin: Any) -> None:
        """Registers a plugin that is not an installed one. Raises PluginError, which names it."""
        try:
            self.register(name, plugin, name)
        except PluginError as problem:
            if str(problem).startswith(ITS_HOOK):
                raise PluginError(f"the plugin {name!r}: {problem}") from problem
            raise

    def add(self, kind: Kind, component: object) -> str:
        """Adds a component that the calling program made. Returns the name by which a recipe refers to it.

        Raises PluginError for a class, and for an object that is no component of this kind.
        """
        method = METHODS[kind][0]
        what = add_article(name_kind(kind))
        if isinstance(component, type):
            raise PluginError(f"expected {what}, got the class {component.__name__}; pass an instance of it")
        if not callable(getattr(component, method, None)):
            raise PluginError(
                f"expected the name of {what}, or an object with a method {method!r}, got {type(component).__name__}"
            )
        base = type(component).__name__
        names = (base if number == 1 else f"{base}-{number}" for number in count(1))
        name = next(
            one
            for one in names
            if self._made.get((kind, one)) is component or one not in self._arranged.components[kind]
        )
        self._add_as(kind, name, component)
        return name

    def _add_as(self, kind: Kind, name: str, component: object) -> None:
        self._made[kind, name] = component
        if name not in self._arranged.components[kind]:
            self._provided.append((kind, Registered(ComponentSpec(name, "of the calling program", ""), "caller")))
            self._arranged = arrange(self._provided)
        self.plugins.setdefault("caller", "the calling program")

    def components(self, kind: Kind) -> dict[str, Registered]:
        """Returns name → component of one kind, sorted by name."""
        return dict(sorted(self._arranged.components[kind].items()))

    def claimants(self, kind: Kind) -> list[Registered]:
        """Returns the components of one kind, sorted by name; of a name that several installed plugins claim, all of them."""
        clashes = self._arranged.clashes
        return [one for name, first in self.components(kind).items() for one in clashes.get((kind, name), (first,))]

    def in_order(self, kind: Kind) -> list[str]:
        """Returns the component names of one kind in registration order."""
        return list(self._arranged.components[kind])

    def target(self, kind: Kind, name: str) -> Any:
        """Imports a component's target. Raises PluginError listing the known names, or with the cause."""
        found = self._arranged.components[kind].get(name)
        if found is None:
            known = suggest(name, self._arranged.components[kind])
            raise PluginError(f"no {name_kind(kind)} is called {name!r}; {known}")
        if clash := self._arranged.clashes.get((kind, name)):
            raise DuplicateError(self._describe_clash(kind, None, clash))
        if (kind, name) in self._made:
            return lambda: self._made[kind, name]
        module, _, attribute = found.spec.target.partition(":")
        try:
            with diverted():
                return getattr(importlib.import_module(module), attribute)
        except BaseException as problem:
            if not is_failure(problem):
                raise
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
        self, kind: Literal["image_sources"], name: str, options: Mapping[str, Any] | None = None
    ) -> ImageSource: ...
    @overload
    def make(self, kind: Literal["captioners"], name: str, options: Mapping[str, Any] | None = None) -> Captioner: ...
    @overload
    def make(
        self, kind: Literal["image_decoders"], name: str, options: Mapping[str, Any] | None = None
    ) -> ImageDecoder: ...
    @overload
    def make(self, kind: Literal["detectors"], name: str, options: Mapping[str, Any] | None = None) -> Detector: ...
    @overload
    def make(self, kind: Literal["adapters"], name: str, options: Mapping[str, Any] | None = None) -> Adapter: ...
    @overload
    def make(self, kind: Literal["callbacks"], name: str, options: Mapping[str, Any] | None = None) -> object: ...
    @overload
    def make(self, kind: Literal["reports"], name: str, options: Mapping[str, Any] | None = None) -> Report: ...
    def make(self, kind: Kind, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """Makes a component after validating its options against its constructor, and checks its type and capabilities.

        Raises PluginError or RecipeError.
        """
        target, validated = self.target(kind, name), self.options(kind, name, options or {})
        shown = self.describe(kind, name)
        with naming_by(shown, "its constructor"):
            component = target(**validated)
        _check_made(kind, component, shown)
        remember(component, shown)
        if kind in CAPABILITIES:
            get_capabilities(component, CAPABILITIES[kind])
        return component

    def make_all(self, kind: Kind) -> dict[str, Any]:
        """Makes all components of a kind with their default options, in order, where each is asked: name → component.

        One that cannot be made is left out with a PluginWarning. One whose name several plugins claim is left out too;
        `warnings` has told of it.
        """
        make: Any = self.make  # of any kind
        return self._for_all(kind, make)

    def targets(self, kind: Kind) -> dict[str, Any]:
        """Imports all targets of a kind, in order: name → target. Left out are those that `make_all` leaves out."""
        return self._for_all(kind, self.target)

    def _for_all(self, kind: Kind, ask: Callable[[Kind, str], Any]) -> dict[str, Any]:
        answers = {}
        for name in self.in_order(kind):
            try:
                answers[name] = ask(kind, name)
            except DuplicateError:
                continue
            except BioclipXError as problem:
                warnings.warn(f"{self.describe(kind, name)} is left out: {problem}", PluginWarning, stacklevel=3)
        return answers

    def describe(self, kind: Kind, name: str) -> str:
        """Returns how errors name a component of this registry: its kind, name, plugin, and where that comes from."""
        plugin = self._arranged.components[kind][name].plugin
        return f"the {name_kind(kind)} {name!r} of plugin {plugin!r} ({self.plugins[plugin]})"

    def notify(self, hook: str, **arguments: Any) -> list[Any]:
        """Calls a hook of every plugin as pluggy does: the last registered first, inside wrappers. Returns what they answer.

        Raises ComponentError naming the plugin that fails.
        """
        caller: pluggy.HookCaller = getattr(self.manager.hook, hook)
        for implementation in caller.get_hookimpls():
            if name := self._describe_owner(implementation):
                _name_failures(implementation, name, hook)
        try:
            answers = caller(**add_old_arguments(hook, arguments))
        except RuntimeError as problem:
            # pluggy's, of a wrapper that does not yield once; a lack of memory is a RuntimeError of another type.
            if type(problem) is not RuntimeError or not self._describe_wrappers(caller):
                raise
            raise ComponentError(
                f"{self._describe_wrappers(caller)} failed in {hook}: {summarise(problem)}"
            ) from problem
        if not isinstance(answers, list):
            raise ComponentError(
                f"{self._describe_wrappers(caller)} gave {abbreviate(answers)} in {hook}; expected the list that its yield gave"
            )
        return answers

    def _describe_wrappers(self, caller: pluggy.HookCaller) -> str:
        wrappers = [one for one in caller.get_hookimpls() if one.wrapper or one.hookwrapper]
        return " or ".join(self._describe_owner(one) or one.plugin_name for one in wrappers)

    def _describe_owner(self, implementation: pluggy.HookImpl) -> str:
        """Names the plugin of a hook for errors; "" for a part of the program, such as its progress bar."""
        name, plugin = implementation.plugin_name, implementation.plugin
        if name in self.plugins:
            return f"the plugin {name!r} ({self.plugins[name]})"
        return describe(plugin) if is_remembered(plugin) else ""  # a component, such as a callback of a run

    def default(self, kind: Kind, setting: str = "") -> str | None:
        """Returns the component used when a recipe names none of this kind; None if no plugin declares one.

        setting: a recipe field or flag that implies a component ("rank").

        Raises DuplicateError if several installed plugins declare one.
        """
        if clash := self._arranged.default_clashes.get((kind, setting)):
            raise DuplicateError(self._describe_clash(kind, setting, clash))
        for name, found in self._arranged.components[kind].items():
            if (setting in found.spec.default_for) if setting else found.spec.default:
                return name
        return None

    def required_default(self, kind: Kind) -> str:
        """Returns the default component of a kind. Raises PluginError if no plugin declares one."""
        name = self.default(kind)
        if name is None:
            known = ", ".join(self.components(kind)) or "none"
            raise PluginError(f"no loaded plugin declares a default {name_kind(kind)}; name one (known: {known})")
        return name

    def defaults(self, kind: Kind) -> dict[str, str]:
        """Returns setting → the component of this kind that it implies."""
        return {
            setting: name
            for name, found in self._arranged.components[kind].items()
            for setting in found.spec.default_for
        }

    def options(self, kind: Kind, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Validates options and adds the defaults of the others. Raises PluginError or RecipeError."""
        from bioclip_x.hooks.options import validate_options

        target = self.target(kind, name)
        with self._naming_plugin(kind, name):
            return validate_options(f"{name_kind(kind)} {name!r}", target, options)

    def parameters(self, kind: Kind, name: str) -> list[inspect.Parameter]:
        """Returns the options of a component, with their types and defaults. Raises PluginError."""
        from bioclip_x.hooks.options import list_options

        target = self.target(kind, name)
        with self._naming_plugin(kind, name):
            return list_options(f"{name_kind(kind)} {name!r}", target)

    def name_options(self, kind: Kind, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the given options with each under its name. Raises PluginError or RecipeError."""
        from bioclip_x.hooks.options import name_options

        target = self.target(kind, name)
        with self._naming_plugin(kind, name):
            return name_options(f"{name_kind(kind)} {name!r}", target, options)

    @contextmanager
    def _naming_plugin(self, kind: Kind, name: str) -> Iterator[None]:
        """Names the plugin in PluginErrors, which its author has to mend; a RecipeError is the user's."""
        try:
            yield
        except PluginError as problem:
            plugin = self._arranged.components[kind][name].plugin
            raise PluginError(f"{problem} (plugin {plugin!r}, {self.plugins[plugin]})") from problem

    def configure(self, plugin: str) -> Callable[..., Any] | None:
        """Returns one plugin's `configure` hook, None if it has none. Raises PluginError for an unknown plugin."""
        if not self.manager.has_plugin(plugin):
            raise PluginError(f"no plugin is called {plugin!r}; {suggest(plugin, self.plugins)}")
        caller = self._select_hook("configure", self.manager.get_plugin(plugin))
        return caller if caller.get_hookimpls() else None

    def list_hooks(self, plugin: str) -> list[str]:
        """Lists the hooks that a registered plugin implements, in the order of the specification."""
        own = self._list_hooks(self.manager.get_plugin(plugin))
        return [name for name in vars(specs) if name in own]

    def _list_hooks(self, plugin: Any) -> list[str]:
        """Lists the hooks that a plugin means to implement, known or not."""
        marked = ((name, self.manager.parse_hookimpl_opts(plugin, name)) for name in dir(plugin))
        return [options.get("specname") or name for name, options in marked if options]

    def _select_hook(self, hook: str, plugin: Any) -> pluggy.HookCaller:
        """Returns a hook restricted to one plugin's implementation."""
        return self.manager.subset_hook_caller(
            hook, [other for other in self.manager.get_plugins() if other is not plugin]
        )

    def _collect(self, kind: Kind, plugin: Any) -> list[tuple[ComponentSpec, int]]:
        """Returns the specs that a plugin's hook returns, each with its order; see `Registered`."""
        caller = self._select_hook(kind, plugin)
        with naming_by(f"the plugin {self.manager.get_name(plugin)!r}", f"its hook {kind}"):
            returned = caller()
        if not returned and caller.get_hookimpls():  # pluggy leaves None out
            raise PluginError(
                f"{ITS_HOOK} {kind} returned None; expected a list of ComponentSpecs; is `return` missing?"
            )
        order = sum(one.trylast - one.tryfirst for one in caller.get_hookimpls())
        return [(spec, order) for specs in returned for spec in check_specs(kind, specs)]


def _check_made(kind: Kind, component: object, name: str) -> None:
    """Raises PluginError if what a component's target returned is no component of its kind. name: as in `remember`."""
    if kind == "models":
        from bioclip_x.records import KnownModel as Expected
    elif kind == "prompts":
        from bioclip_x.prompts.llm_prompts import PromptTemplate as Expected  # type: ignore[assignment]
    else:
        missing = [method for method in METHODS.get(kind, ()) if not callable(getattr(component, method, None))]
        if missing:
            raise PluginError(
                f"{name} is {abbreviate(component)}, without the method {missing[0]!r}; expected the methods that "
                f"bioclip_x.hooks.components describes: {', '.join(METHODS[kind])}"
            )
        return
    if not isinstance(component, Expected):
        raise PluginError(f"{name}: its target returned {abbreviate(component)}; expected a {Expected.__name__}")


def _name_failures(implementation: pluggy.HookImpl, name: str, hook: str) -> None:
    """Makes a hook's failures ComponentErrors that name its plugin. name: as in `remember`."""
    function: Callable[..., Any] = implementation.function
    if getattr(function, "names_failures", False):
        return

    @wraps(function)
    def call(*args: Any) -> Any:
        with naming_by(name, hook):
            answer = function(*args)
        if (
            hook == "epoch_ended" and answer is not None and type(answer).__name__ not in ("bool", "bool_")
        ):  # or numpy's
            raise ComponentError(f"{name} returned {abbreviate(answer)} from {hook}; expected True, False or None")
        return answer

    @wraps(function)
    def call_wrapper(*args: Any) -> Any:
        with naming_by(name, hook):
            answers = yield from function(*args)
        if implementation.wrapper and not isinstance(answers, list):
            raise ComponentError(
                f"{name} returned {abbreviate(answers)} from its wrapper of {hook}; expected the list that its yield gave"
            )
        return answers

    guarded = call_wrapper if implementation.wrapper or implementation.hookwrapper else call
    guarded.names_failures = True  # type: ignore[attr-defined]
    setattr(implementation, "function", guarded)  # noqa: B010 - pluggy declares it final


def create_registry(
    plugins: Iterable[Plugin] = (),
    *,
    strict: bool = False,
    only: Sequence[str] | None = None,
    blocked: Sequence[str] = (),
    trace: bool = False,
    own: Mapping[str, Any] | None = None,
) -> Registry:
    """Loads the installed plugins (entry points of group `bioclip_x`) and the given ones.

    plugins: further plugins; see `Plugin`.
    strict: raise an error for a broken installed plugin instead of a warning.
    only: names of the entry points to load; None loads all. blocked: names of those to leave out, as "no:NAME" in `plugins`.
    trace: print every hook call to stderr.
    own: plugins of the calling program, by name; registered first, regardless of `only`.

    Of a component name that two installed plugins provide, there is a warning; that component is refused (`Registry`).

    Raises PluginError if one of `plugins` is missing or broken, or provides a name in use.
    """
    registry = Registry()
    if trace:
        registry.manager.trace.root.setwriter(sys.stderr.write)
        registry.manager.enable_tracing()
    for name, plugin in (own or {}).items():
        registry.register(name, plugin, "bioclip-x")
    given = list(plugins)
    points = sorted(entry_points(group=GROUP), key=lambda p: p.name)
    names = [point.name for point in points]
    registry.warnings += [
        f"no installed plugin is called {name!r}; installed: {suggest(name, names).removeprefix('known: ')}"
        for name in sorted({*(only or ()), *blocked} - set(names))
    ]
    registry.blocked = {*blocked, *find_blocked(given)} & set(names)
    for point in points:
        if point.name not in registry.blocked and (only is None or point.name in only):
            _register_installed(registry, point, strict=strict)
    if strict and (clashes := registry.clashes()):
        raise DuplicateError(clashes[0])
    registry.warnings += registry.clashes()
    registry.load(given)
    return registry


def _register_installed(registry: Registry, point: EntryPoint, *, strict: bool) -> None:
    """Registers an installed plugin; of a broken one, only a warning. Raises PluginError instead if `strict`."""
    origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    try:
        with diverted():
            plugin = point.load()
        registry.register(point.name, plugin, origin, may_clash=True)
    except BaseException as problem:
        if not is_failure(problem):
            raise
        message = f"plugin {point.name!r} of {origin} is broken: {summarise(problem)}"
        if strict:
            raise PluginError(message) from problem
        registry.warnings.append(f"{message}; skipped")
        return
    if point.dist:
        registry.distributions[point.name] = point.dist


def find_blocked(plugins: Iterable[Plugin]) -> list[str]:
    """Returns NAME of each "no:NAME" among plugins."""
    return [one.removeprefix(BLOCK) for one in plugins if isinstance(one, str) and one.startswith(BLOCK)]


def from_environment() -> dict[str, Any]:
    """Reads arguments of `create_registry` from BIOCLIP_X_PLUGINS and BIOCLIP_X_TRACE.

    BIOCLIP_X_PLUGINS has comma-separated names: of the installed plugins to load, or, with "no:" before them, of those to
    leave out. Without names to load, all others are loaded.
    """
    listed = [name.strip() for name in os.environ.get("BIOCLIP_X_PLUGINS", "").split(",") if name.strip()]
    only = [name for name in listed if not name.startswith(BLOCK)]
    return {
        "only": only or None,
        "blocked": find_blocked(listed),
        "trace": os.environ.get("BIOCLIP_X_TRACE", "") not in ("", "0"),
    }


def _restore_registry(
    plugins: Mapping[str, str],
    modules: Mapping[str, str],
    pickled: bytes,
    warnings: Sequence[str],
    blocked: Collection[str],
) -> Registry:
    """Makes a pickled registry again, in the same order. Raises PluginError for a plugin that is not there."""
    loaded = {name: import_plugin(reference) for name, reference in modules.items()}
    objects, made = pickle.loads(pickled)
    registry = Registry()
    for name, origin in plugins.items():
        if name in loaded or name in objects:
            registry.register(
                name, loaded[name] if name in loaded else objects[name], origin, may_clash=name in modules
            )
    for (kind, name), component in made.items():
        registry._add_as(kind, name, component)  # noqa: SLF001
    installed = {point.name: point.dist for point in entry_points(group=GROUP) if point.dist}
    registry.distributions = {name: dist for name, dist in installed.items() if name in modules}
    registry.warnings, registry.blocked = list(warnings), set(blocked)
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
