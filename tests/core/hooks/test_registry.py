from __future__ import annotations

import importlib.metadata
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from bioclip_x import ComponentSpec, hookimpl
from bioclip_x.cli import commands
from bioclip_x.errors import ComponentError, PluginError, PluginWarning, RecipeError
from bioclip_x.hooks.capabilities import LanguageModelCapabilities, get_capabilities
from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.loading import list_plugins
from bioclip_x.hooks.options import parse_ref
from bioclip_x.hooks.registry import DuplicateError, Registry, create_registry, from_environment, resolve_relative_paths
from bioclip_x.hooks.specs import TRAINING_HOOKS
from bioclip_x.recipe_resolution import resolve_recipe


class Loud:
    """A head with an option."""

    def __init__(self, *, volume: int = 1) -> None:
        self.volume = volume

    def decide(self, given: object) -> object:
        return given


def plugin(name: str = "loud", target: str = f"{__name__}:Loud") -> Any:
    class Plugin:
        @hookimpl
        def heads(self) -> list[ComponentSpec]:
            return [ComponentSpec(name, "a head for tests", target)]

    return Plugin()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or ModuleType(__name__))
    monkeypatch.setattr(sys.modules[__name__], "Loud", Loud, raising=False)
    return create_registry()


def make_plugin(kind: Kind, name: str, **mark: bool) -> Any:
    """Makes a plugin with one component of a kind. mark: of its hook, such as tryfirst."""

    def provide(self: object) -> list[ComponentSpec]:
        return [ComponentSpec(name, "", f"{__name__}:Loud")]

    provide.__name__ = kind
    return type("Plugin", (), {kind: hookimpl(**mark)(provide)})()


def entry_point(monkeypatch: pytest.MonkeyPatch, name: str, loaded: Any) -> None:
    """Adds an installed plugin whose loading returns, or raises, `loaded`."""

    class Point:
        dist = type("Dist", (), {"name": "somebodys-package", "version": "3.2"})()
        value = "somebodys_package"

        def __init__(self) -> None:
            self.name = name

        def load(self) -> Any:
            if isinstance(loaded, BaseException):
                raise loaded
            return loaded

    real = importlib.metadata.entry_points(group="bioclip_x")
    monkeypatch.setattr("bioclip_x.hooks.registry.entry_points", lambda group: [*real, Point()])


def test_built_ins_are_found_through_entry_points_only(registry: Registry) -> None:
    assert {"taxonomic", "descriptors", "rollup", "builtin"} <= registry.plugins.keys()
    assert registry.plugins["rollup"].startswith("bioclip-x ")
    assert not create_registry(only=[]).plugins
    assert not create_registry(only=["rollup"]).components("heads")


def test_relative_path_options_are_resolved_against_a_folder(registry: Registry) -> None:
    def placed(text: str) -> str:
        return str(resolve_relative_paths(registry, "adjust_logits", parse_ref(text), Path("/parks")))

    assert placed("species-list:oak.csv,mode=prior") == "species-list:file=/parks/oak.csv,mode=prior"
    assert placed("species-list:file=/lists/oak.csv") == "species-list:file=/lists/oak.csv"
    assert placed("nobody-asks") == "nobody-asks"  # without options, the target is not imported
    with pytest.raises(RecipeError, match="option 'mode': expected 'hard' or 'prior', got 'soft'"):
        placed("species-list:oak.csv,mode=soft")


def test_the_target_of_every_built_in_can_be_imported() -> None:
    registry = create_registry(own={"cli": commands})
    assert not registry.warnings
    for kind in KINDS:
        assert registry.components(kind), kind
        for name in registry.components(kind):
            assert callable(registry.target(kind, name)), (kind, name)


def test_a_component_is_made_with_validated_options(registry: Registry) -> None:
    registry.register("loud", plugin(), "here")
    assert registry.make("heads", "loud", {"volume": "11"}).volume == 11
    with pytest.raises(RecipeError, match="head 'loud' has no option 'volumen'; known: volume"):
        registry.make("heads", "loud", {"volumen": 11})
    with pytest.raises(RecipeError, match="option 'volume': expected a valid integer, got "):
        registry.make("heads", "loud", {"volume": "very"})
    with pytest.raises(
        PluginError, match="no head is called 'lout'; known: chils, conformal, crm, flat, hedge, loud, rollup, top-down"
    ):
        registry.make("heads", "lout")


def test_a_target_that_cannot_be_imported_names_its_plugin(registry: Registry) -> None:
    registry.register("hollow", plugin("hollow", "no_such_module:Head"), "somewhere 1.0")
    with pytest.raises(PluginError, match=r"the head 'hollow' of plugin 'hollow' \(somewhere 1.0\) cannot be imported"):
        registry.make("heads", "hollow")


CLASH = "two plugins provide a head called 'rollup': builtin (bioclip-x "
WAY_OUT = ") and other (somebodys-package 3.2); leave one out with --plugin no:other"


def test_a_name_that_two_installed_plugins_claim_is_refused_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(monkeypatch, "other", plugin("rollup"))
    registry = create_registry()
    [warning] = registry.warnings
    assert warning.startswith(CLASH) and warning.endswith(WAY_OUT) and registry.clashes() == [warning]
    for needs in (registry.make, registry.options, registry.target):
        with pytest.raises(DuplicateError) as problem:
            needs("heads", "rollup", *([{}] if needs == registry.options else []))
        assert str(problem.value) == warning
    assert type(registry.make("heads", "flat")).__name__ == "Flat"
    with pytest.raises(DuplicateError, match="called 'rollup'"):
        create_registry(strict=True)
    restored = pickle.loads(pickle.dumps(create_registry(["no:other"])))
    for one in (create_registry(["no:other"]), create_registry(blocked=["other"]), restored):
        assert not one.warnings and not one.clashes() and "other" not in one.plugins
        assert type(one.make("heads", "rollup")).__name__ == "Rollup"
    registry.block("other")
    assert not registry.clashes() and type(registry.make("heads", "rollup")).__name__ == "Rollup"


def test_a_default_that_two_installed_plugins_claim_is_refused_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Second:
        @hookimpl
        def heads(self) -> list[ComponentSpec]:
            return [ComponentSpec("loud", "", f"{__name__}:Loud", default=True, default_for=("rank",))]

    entry_point(monkeypatch, "other", Second())
    registry = create_registry()
    assert len(registry.warnings) == 2 and all(warning.endswith("--plugin no:other") for warning in registry.warnings)
    for setting in ("", "rank"):
        with pytest.raises(
            DuplicateError, match=r"two plugins provide the default head .*; leave one out with --plugin no:oth"
        ):
            registry.default("heads", setting)
    registry.block("other")
    assert (registry.default("heads"), registry.default("heads", "rank")) == ("flat", "rollup")


def test_a_named_plugin_may_not_claim_a_name_in_use(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    with pytest.raises(DuplicateError, match=r"called 'rollup': builtin \(bioclip-x .*\) and mine \(here\)$"):
        registry.register("mine", plugin("rollup"), "here")
    entry_point(monkeypatch, "other", plugin("loud"))
    with pytest.raises(
        DuplicateError, match=r"called 'loud': other .* and mine .*; leave one out with --plugin no:other$"
    ):
        create_registry().register("mine", plugin("loud"), "here")


def test_plugins_are_left_out_by_name(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    assert registry.load(["no:rollup"]) == [] and "rollup" not in registry.plugins
    assert registry.load(["no:rollup"]) == []
    with pytest.raises(PluginError, match="the plugin 'rollup' is left out by no:rollup; drop one of the two"):
        registry.load(["rollup"])
    with pytest.raises(
        PluginError, match=r"no:rolup: the plugin 'rolup' is not installed; known: .*; did you mean 'rollup'\?"
    ):
        create_registry(["no:rolup"])
    registry.register("mine", plugin(), "here")
    with pytest.raises(PluginError, match="no:mine: the plugin 'mine' is not an installed one"):
        registry.block("mine")
    entry_point(monkeypatch, "explosive", SystemExit(3))
    assert not create_registry(["no:explosive"]).warnings, "it is not even imported"


def test_the_environment_names_plugins_to_load_or_to_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOCLIP_X_PLUGINS", "no:rollup, no:nobody")
    registry = create_registry(**from_environment())
    assert "builtin" in registry.plugins and "rollup" not in registry.plugins
    [warning] = registry.warnings
    assert warning.startswith("no installed plugin is called 'nobody'; installed: ")
    monkeypatch.setenv("BIOCLIP_X_PLUGINS", "rollup,builtin,no:builtin")
    assert list(create_registry(**from_environment()).plugins) == ["rollup"]


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a:b", "a=b", "a/b", "a\\b", "a,b", "a\n", "a\x1b[2J", "-a", "a[0]", "'a'", "a\u202e", None, 3, ["a"]],
)
def test_malformed_component_names_are_refused(name: Any, registry: Registry) -> None:
    with pytest.raises(
        PluginError, match=r"its hook heads returned .*: the component name .* is refused; expected a text"
    ):
        registry.register("mine", plugin(name), "here")
    assert "mine" not in registry.plugins


@pytest.mark.parametrize("name", ["2024", "1.5", "1.0e+3", "0x1f", "null", "no", "True", "on", "2024-01-31"])
def test_names_that_yaml_reads_as_anything_but_text_are_refused(name: str, registry: Registry) -> None:
    assert not isinstance(yaml.safe_load(name), str)
    with pytest.raises(
        PluginError, match=r"the component name '.*' is refused, since YAML, such as a recipe, reads it as"
    ):
        registry.register("mine", plugin(name), "here")


@pytest.mark.parametrize("name", ["a", "scientific+common", "ViT-B-16", "v2024", "3d", "größe", "a.b_c"])
def test_other_component_names_are_accepted(name: str, registry: Registry) -> None:
    registry.register("mine", plugin(name), "here")
    assert name in registry.components("heads")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "returned None; expected a list of ComponentSpecs; is `return` missing?"),
        ("rollup", "returned 'rollup'; expected a list of ComponentSpecs"),
        (ComponentSpec("a", "", "a:B"), "expected a list of ComponentSpecs in a list"),
        ([ComponentSpec("a", "", "a.B")], "expected a target such as 'package.module:Class', got 'a.B'"),
        ([ComponentSpec("a", None, "a:B")], "expected a summary of one line, got None"),  # type: ignore[arg-type]
        ([ComponentSpec("a", "two\nlines", "a:B")], r"expected a summary of one line, got 'two\nlines'"),
        ([ComponentSpec("a", "red \x1b[31m", "a:B")], r"expected a summary of one line, got 'red \x1b[31m'"),
        ([ComponentSpec("a", "", "a:B", default="no")], "expected default to be True or False"),  # type: ignore[arg-type]
        ([ComponentSpec("a", "", "a:B", default_for="rank")], "expected default_for to be a tuple"),  # type: ignore[arg-type]
    ],
)
def test_what_a_hook_returns_is_checked(given: Any, message: str, registry: Registry) -> None:
    class Plugin:
        @hookimpl
        def heads(self) -> Any:
            return given

    with pytest.raises(PluginError) as problem:
        registry.register("mine", Plugin(), "here")
    assert message in str(problem.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("mark", "place"), [({"tryfirst": True}, 0), ({"trylast": True}, -1), ({}, None)])
def test_tryfirst_and_trylast_order_the_components_of_every_hook(
    kind: Kind, mark: dict[str, bool], place: int | None
) -> None:
    registry = create_registry(own={"cli": commands})
    registry.register("middle", make_plugin(kind, "middle"), "here")
    registry.register("mine", make_plugin(kind, "mine", **mark), "here")
    registry.register("last", make_plugin(kind, "last"), "here")
    order = registry.in_order(kind)
    if place is None:
        assert order[-3:] == ["middle", "mine", "last"]
    else:
        assert order[place] == "mine"


@pytest.mark.parametrize("hook", [*KINDS, "configure"])
@pytest.mark.parametrize("mark", [{"wrapper": True}, {"hookwrapper": True}])
def test_a_wrapper_of_a_hook_that_is_called_for_one_plugin_is_refused(hook: str, mark: dict[str, bool]) -> None:
    class Plugin:
        pass

    def wrap(self: object) -> Any:
        return (yield)

    wrap.__name__ = hook
    setattr(Plugin, hook, hookimpl(**mark)(wrap))
    with pytest.raises(
        PluginError, match=f"its hook {hook} is a wrapper; only the hooks of a training run can be wrapped"
    ):
        create_registry().register("mine", Plugin(), "here")


@pytest.mark.parametrize("hook", TRAINING_HOOKS)
def test_training_hooks_are_called_in_pluggys_order_inside_wrappers(hook: str, registry: Registry) -> None:
    calls: list[str] = []

    def make(name: str, **mark: bool) -> object:
        def call(self: object) -> None:
            calls.append(name)

        def wrap(self: object) -> Any:
            calls.append(f"{name} before")
            answers = yield
            calls.append(f"{name} after")
            return answers

        function = wrap if mark.get("wrapper") else call
        function.__name__ = hook
        return type("Plugin", (), {hook: hookimpl(**mark)(function)})()

    for name, mark in {
        "a": {},
        "last": {"trylast": True},
        "w": {"wrapper": True},
        "first": {"tryfirst": True},
        "b": {},
    }.items():
        registry.register(name, make(name, **mark), "here")
    registry.block("jsonl-log")  # which needs real events
    assert registry.notify(hook, **dict.fromkeys(("event", "run"))) == []
    assert calls == ["w before", "first", "b", "a", "last", "w after"]


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (True, "the plugin 'mine' (here) failed in epoch_ended: ZeroDivisionError: division by zero"),
        (
            False,
            "the plugin 'mine' (here) returned None from its wrapper of epoch_ended; expected the list that its yield gave",
        ),
    ],
)
def test_a_wrapper_that_fails_is_named(fails: bool, message: str, registry: Registry) -> None:
    class Plugin:
        @hookimpl(wrapper=True)
        def epoch_ended(self) -> Any:
            yield
            if fails:
                raise ZeroDivisionError("division by zero")

    registry.block("jsonl-log")  # which needs real events
    registry.register("mine", Plugin(), "here")
    with pytest.raises(ComponentError) as problem:
        registry.notify("epoch_ended", event=None, run=None)
    assert str(problem.value) == message


def test_the_answer_that_stops_a_run_is_checked(registry: Registry) -> None:
    class Plugin:
        @hookimpl
        def epoch_ended(self) -> Any:
            return "stop"

    registry.register("mine", Plugin(), "here")
    with pytest.raises(
        ComponentError, match=r"'mine' \(here\) returned the str 'stop' from epoch_ended; expected True"
    ):
        registry.notify("epoch_ended", event=None, run=None)


def test_a_plugin_name_in_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(monkeypatch, "rollup", plugin())
    registry = create_registry()
    [warning] = registry.warnings
    assert "plugin 'rollup' of somebodys-package 3.2" in warning and "is in use by" in warning
    assert registry.plugins["rollup"].startswith("bioclip-x ") and "loud" not in registry.components("heads")
    hook = registry.configure("rollup")
    assert hook is not None and hook(recipe=None) == [{"head": "rollup"}]


def test_one_plugin_that_provides_a_name_twice_is_refused(registry: Registry) -> None:
    class Twice:
        @hookimpl
        def heads(self) -> list[ComponentSpec]:
            return [ComponentSpec("loud", "one", f"{__name__}:Loud"), ComponentSpec("loud", "two", f"{__name__}:Loud")]

    with pytest.raises(PluginError, match=r"a head called 'loud': twice \(here\) and twice \(here\)"):
        registry.register("twice", Twice(), "here")
    assert "loud" not in registry.components("heads") and "twice" not in registry.plugins


def test_misspelt_hooks_are_refused_without_side_effects(registry: Registry) -> None:
    class Misspelt:
        @hookimpl
        def haeds(self) -> list[ComponentSpec]:
            return []

        @hookimpl
        def losses(self) -> list[ComponentSpec]:
            return [ComponentSpec("never", "", "x:Y")]

    with pytest.raises(PluginError, match=r"haeds.*known hooks:.*heads"):
        registry.register("misspelt", Misspelt(), "here")
    assert "misspelt" not in registry.plugins and "never" not in registry.components("losses")
    registry.register("loud", plugin(), "here")  # the registry is unchanged


def test_a_broken_installed_plugin_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(monkeypatch, "broken", ImportError("no module named 'left_pad'"))
    registry = create_registry()
    assert registry.warnings == [
        "plugin 'broken' of somebodys-package 3.2 is broken: ImportError: no module named 'left_pad'; skipped"
    ]
    assert "rollup" in registry.components("heads")
    with pytest.raises(PluginError, match=r"somebodys-package 3.2 is broken.*left_pad"):
        create_registry(strict=True)


def test_a_hook_that_fails_or_returns_another_type_makes_a_broken_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nonsense:
        @hookimpl
        def heads(self) -> list[Any]:
            return ["rollup"]

    entry_point(monkeypatch, "nonsense", Nonsense())
    [warning] = create_registry().warnings
    assert "its hook heads returned 'rollup'; expected ComponentSpecs" in warning


def test_plugins_by_file_and_module(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from bioclip_x import ComponentSpec, hookimpl\n"
        "class Head:\n    def decide(self, given): ...\n"
        "@hookimpl\ndef heads():\n    return [ComponentSpec('mine', 'of a file', f'{__name__}:Head')]\n"
    )
    registry.load([str(file)])
    assert type(registry.make("heads", "mine")).__name__ == "Head"
    with pytest.raises(PluginError, match=r"json has no hook; is @hookimpl missing\?"):
        registry.load(["json"])
    with pytest.raises(PluginError, match=r"no plugin and no module is called 'no_such_plugin'; installed: .*rollup"):
        registry.load(["no_such_plugin"])
    with pytest.raises(PluginError, match=r"the plugin file .*gone.py does not exist"):
        registry.load([str(tmp_path / "gone.py")])
    (tmp_path / "bad.py").write_text("1/0")
    with pytest.raises(PluginError, match=r"bad.py' cannot be imported: ZeroDivisionError"):
        registry.load([str(tmp_path / "bad.py")])


def test_configure_is_that_of_one_plugin(registry: Registry) -> None:
    hook = registry.configure("rollup")
    assert hook is not None and hook(recipe=None) == [{"head": "rollup"}]
    assert registry.configure("builtin") is None
    with pytest.raises(PluginError, match=r"no plugin is called 'x'; known: .*rollup"):
        registry.configure("x")


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path, registry: Registry) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "plug.py").write_text(
            "from bioclip_x import ComponentSpec, hookimpl\n"
            f"class Head:\n    origin = {folder!r}\n    def decide(self, given): ...\n"
            f"@hookimpl\ndef heads():\n    return [ComponentSpec('{folder}', '', f'{{__name__}}:Head')]\n"
        )
    registry.load([str(tmp_path / folder / "plug.py") for folder in ("a", "b")])
    assert [registry.make("heads", name).origin for name in ("a", "b")] == ["a", "b"]


def test_an_installed_plugin_by_its_modules_name_is_itself(registry: Registry) -> None:
    assert registry.load(["bioclip_x_plugins.rollup", "rollup"]) == ["rollup", "rollup"]


def test_wrong_hook_arguments_and_exits_make_a_broken_plugin(
    monkeypatch: pytest.MonkeyPatch, registry: Registry, tmp_path: Path
) -> None:
    class Wrong:
        @hookimpl
        def configure(self, recipee: Any) -> dict[str, Any]:
            return {}

    with pytest.raises(PluginError, match="recipee"):
        registry.register("wrong", Wrong(), "here")
    (tmp_path / "quits.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(PluginError, match=r"it called sys\.exit\(3\)"):
        registry.load([str(tmp_path / "quits.py")])
    entry_point(monkeypatch, "quits", SystemExit(3))
    assert "it called sys.exit(3); skipped" in create_registry().warnings[0]


def test_an_unknown_installed_plugin_is_a_warning() -> None:
    assert (
        create_registry(only=["rollup", "rolup"])
        .warnings[0]
        .startswith("no installed plugin is called 'rolup'; installed:")
    )


def test_declared_capabilities() -> None:
    class Able(Loud):
        capabilities = LanguageModelCapabilities(json_schema=True)

    assert get_capabilities(Able(), LanguageModelCapabilities) == LanguageModelCapabilities(json_schema=True)
    assert get_capabilities(Loud(), LanguageModelCapabilities) == LanguageModelCapabilities()


@pytest.mark.parametrize("wrong", [None, {"json_schema": True}, LanguageModelCapabilities, Loud()])
def test_declared_capabilities_of_another_kind_are_an_error(wrong: Any) -> None:
    class Odd(Loud):
        capabilities = wrong

    with pytest.raises(
        PluginError, match=r"Odd: expected .*'capabilities' .* LanguageModelCapabilities, got "
    ) as problem:
        get_capabilities(Odd(), LanguageModelCapabilities)
    assert str(problem.value).endswith(repr(wrong))


def test_plugins_are_names_files_modules_or_objects(tmp_path: Path) -> None:
    import bioclip_x_plugins.rollup as module

    file = tmp_path / "mine.py"
    file.write_text("from bioclip_x import hookimpl\n@hookimpl\ndef configure(recipe):\n    return {'k': 7}\n")

    class Mine:
        @hookimpl
        def configure(self, recipe: object) -> dict[str, int]:
            return {"k": 8}

    mine = Mine()
    for given, name in (("rollup", "rollup"), (module, "rollup"), (file, str(file)), (str(file), str(file))):
        assert create_registry().load(list_plugins(given)) == [name]
    registry = create_registry()
    [name] = registry.load(list_plugins(mine))
    assert name.endswith("Mine") and registry.load([mine]) == [name], "loaded once"
    assert list_plugins(["a", mine]) == ("a", mine)


@pytest.mark.parametrize("given", [None, 3, b"rollup", dict, {"rollup": 1}])
def test_what_is_no_plugin_is_refused(given: object) -> None:
    with pytest.raises(
        PluginError, match=r"expected a plugin's name, a module, a \.py file, or an object with hooks, got"
    ):
        create_registry().load(list_plugins(given))


def test_components_of_the_calling_program_have_names_of_their_own() -> None:
    class Flat:
        def decide(self, given: object) -> object:
            return given

    registry = create_registry()
    one, two = Flat(), Flat()
    names = [registry.add("heads", one), registry.add("heads", two), registry.add("heads", one)]
    assert names == ["Flat", "Flat-2", "Flat"] and registry.make("heads", "Flat-2") is two


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def heads():\n    []", "its hook heads returned None; expected a list of ComponentSpecs"),
        ("def heads():\n    return 'abc'", "its hook heads returned 'abc'"),
        ("def heads():\n    return [ComponentSpec('no', 'x', 'm:C')]", "'no' is refused, since YAML"),
        ("def heads():\n    return [ComponentSpec('a', 'x\\ny', 'm:C')]", "expected a summary of one line"),
        ("def heads(colour):\n    return []", "known hooks: "),
    ],
)
def test_what_is_wrong_with_a_given_plugin_names_it_in_one_line(code: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(f"from bioclip_x import ComponentSpec, hookimpl\n\n@hookimpl\n{code}\n")
    with pytest.raises(PluginError) as problem:
        create_registry([str(tmp_path / "odd.py")])
    assert told in str(problem.value) and "odd.py" in str(problem.value) and "\n" not in str(problem.value)


def test_a_configure_without_return_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text("from bioclip_x import hookimpl\n\n@hookimpl\ndef configure():\n    {'k': 3}\n")
    registry = create_registry([str(tmp_path / "odd.py")])
    with pytest.raises(PluginError, match=r"odd.py: its configure returned None; expected a mapping of recipe fields"):
        resolve_recipe(registry, plugins=[str(tmp_path / "odd.py")])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "    return\n    yield",
            "returned None from its wrapper of epoch_ended; expected the list that its yield gave",
        ),
        ("    yield\n    yield", "failed in epoch_ended: "),
        ("    (yield).force_result('abc')", "gave the str 'abc' in epoch_ended; expected the list that its yield gave"),
    ],
)
def test_a_wrapper_of_training_hooks_that_breaks_the_rules_is_named(body: str, told: str, tmp_path: Path) -> None:
    mark = "hookwrapper" if "force" in body else "wrapper"
    (tmp_path / "odd.py").write_text(
        f"from bioclip_x import hookimpl\n\n@hookimpl({mark}=True)\ndef epoch_ended():\n{body}\n"
    )
    registry = create_registry([str(tmp_path / "odd.py")], blocked=["jsonl-log"])
    with pytest.raises(ComponentError, match=rf"(?s)odd\.py.*{told}"):
        registry.notify("epoch_ended", event=None, run=None)


def test_a_missing_part_of_a_plugins_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfway").mkdir()
    (tmp_path / "halfway" / "__init__.py").write_text("import halfway.missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        PluginError, match=r"cannot be imported: ModuleNotFoundError: No module named 'halfway.missing'"
    ):
        create_registry(["halfway"])


def test_a_pickled_registry_remembers_who_is_left_out() -> None:
    restored = pickle.loads(pickle.dumps(create_registry(["no:rollup"])))
    with pytest.raises(PluginError, match="the plugin 'rollup' is left out by no:rollup"):
        restored.load(["rollup"])


def test_capabilities_that_fail_name_the_component() -> None:
    class Odd(Loud):
        @property
        def capabilities(self) -> Any:
            raise ValueError("x")

    with pytest.raises(ComponentError, match=r"Odd failed in its attribute 'capabilities': ValueError: x"):
        get_capabilities(Odd(), LanguageModelCapabilities)


NEEDY = """
from bioclip_x import ComponentSpec, hookimpl

class Needy:
    def __init__(self, path: str): ...
    def load(self): ...
    def recognises(self, head, suffix): ...
    def decode(self, stream): ...
    def sniff(self, path, head): ...
    def read(self, path): ...
    def open(self, output, provenance): ...

@hookimpl
def HOOK():
    return [ComponentSpec("needy", "cannot be made without options", f"{__name__}:Needy")]
"""


@pytest.mark.parametrize("kind", ["encoders", "image_decoders", "taxonomy_readers", "reports"])
def test_one_component_that_cannot_be_made_does_not_stop_the_others(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text(NEEDY.replace("HOOK", kind))
    registry = create_registry([str(tmp_path / "needy.py")])
    with pytest.warns(PluginWarning, match=r"'needy' of plugin .*needy\.py.* is left out: .*'path'.* got none") as told:
        made = registry.make_all(kind)
    assert len(told) == 1 and list(made) == [name for name in create_registry().in_order(kind)]


def test_one_target_that_cannot_be_imported_does_not_stop_the_others(registry: Registry) -> None:
    spec = ComponentSpec("absent", "as well", "nowhere_at_all:Absent")
    registry.register("mine", type("Plugin", (), {"datasets": hookimpl(lambda self: [spec])})(), "here")
    with pytest.warns(PluginWarning, match=r"'absent' of plugin 'mine' \(here\) is left out: .*cannot be imported"):
        targets = registry.targets("datasets")
    assert list(targets) == [name for name in registry.in_order("datasets") if name != "absent"]


def test_a_name_that_two_plugins_claim_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = create_registry()
    assert "csv" in registry.make_all("reports")
    spec = ComponentSpec("csv", "as well", f"{Loud.__module__}:Loud")
    entry_point(
        monkeypatch, "other", type("Other", (), {"reports": hookimpl(lambda self: [spec], specname="reports")})()
    )
    assert list(create_registry().make_all("reports")) == [
        name for name in registry.in_order("reports") if name != "csv"
    ]


def test_a_constructor_that_cannot_be_validated_names_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from bioclip_x import ComponentSpec, hookimpl\n\nclass Odd:\n    def __init__(self, size=3): ...\n"
        "    def decide(self, given): ...\n\n@hookimpl\ndef heads():\n"
        "    return [ComponentSpec('odd', 'x', f'{__name__}:Odd')]\n"
    )
    registry = create_registry([str(tmp_path / "odd.py")])
    for ask in (registry.make, registry.parameters):
        with pytest.raises(PluginError, match=r"head 'odd': the argument 'size' .* has no type.*\(plugin '.*odd\.py'"):
            ask("heads", "odd")


def test_a_lack_of_memory_in_a_hook_is_not_a_wrappers_fault(registry: Registry) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch's."""

    class Plugin:
        @hookimpl
        def epoch_ended(self) -> None:
            raise OutOfMemoryError

    class Wraps:
        @hookimpl(wrapper=True)
        def epoch_ended(self) -> Any:
            return (yield)

    registry.block("jsonl-log")
    registry.register("mine", Plugin(), "here")
    registry.register("wraps", Wraps(), "here")
    with pytest.raises(OutOfMemoryError):
        registry.notify("epoch_ended", event=None, run=None)


def test_an_object_that_is_malformed_is_named(registry: Registry) -> None:
    class Plugin:
        @hookimpl
        def heads(self) -> Any:
            return "abc"

    with pytest.raises(PluginError, match=r"^the plugin '.*Plugin': its hook heads returned 'abc'"):
        registry.load([Plugin()])
