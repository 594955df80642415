"""Plugins that declare the version of the interface they were written for, on made-up changes of it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bioclip_x import ComponentSpec, hookimpl
from bioclip_x.cli.plugins.new import HOOKS, make_files
from bioclip_x.errors import PluginError
from bioclip_x.hooks import api_version, specs
from bioclip_x.hooks.api_version import API_VERSION, CHANGES, Change
from bioclip_x.hooks.registry import create_registry


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Version 3, after two changes of losses and one of heads and scorers."""
    changes = [
        Change(2, "0.3", ("losses",), "`LossInput.texts` is `LossInput.texts_PD`"),
        Change(3, "0.4", ("heads", "scorers"), "`decide` takes a `HeadInput`"),
        Change(3, "0.4", ("losses",), "losses are called with the step"),
    ]
    monkeypatch.setattr(api_version, "API_VERSION", 3)
    CHANGES.extend(changes)
    yield
    del CHANGES[-len(changes) :]


def make_plugin(hook: str, declared: object = None) -> Any:
    def specs(self: object) -> list[ComponentSpec]:
        return [ComponentSpec("mine", "for tests", "x:Y")]

    members: dict[str, object] = {hook: hookimpl(specs)}
    specs.__name__ = hook
    return type("Plugin", (), members | ({} if declared is None else {"bioclip_x_api": declared}))()


def refusal(plugin: Any) -> str:
    registry = create_registry()
    with pytest.raises(PluginError) as refused:
        registry.register("mine", plugin, "mine 2.1")
    assert "mine" not in registry.plugins and "mine" not in registry.components("losses")
    return str(refused.value)


@pytest.mark.parametrize("declared", [None, API_VERSION])
def test_this_version_or_none_declared(declared: int | None) -> None:
    registry = create_registry()
    registry.register("mine", make_plugin("losses", declared), "here")
    assert "mine" in registry.components("losses")


def test_a_plugin_for_an_older_version_is_told_what_changed(changed: None) -> None:
    assert refusal(make_plugin("losses", 1)) == (
        "mine 2.1 was written for version 1 of the plugin interface, which has changed since: losses in version 2 (bioclip-x "
        "0.3): `LossInput.texts` is `LossInput.texts_PD`; losses in version 3 (bioclip-x 0.4): losses are called with the step. "
        "Install a newer release of the plugin, or bioclip-x before 0.3; its author follows the changes and sets bioclip_x_api "
        "= 3"
    )
    assert "LossInput" not in refusal(make_plugin("losses", 2))
    assert "heads in version 3" in refusal(make_plugin("heads", 2))


def test_changes_of_other_hooks_do_not_matter(changed: None) -> None:
    registry = create_registry()
    registry.register("mine", make_plugin("adapters", 1), "here")
    assert "mine" in registry.components("adapters")


def test_a_plugin_for_a_newer_version_is_told_to_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_version, "__version__", "0.3.2")
    assert refusal(make_plugin("losses", API_VERSION + 1)) == (
        f"mine 2.1 was written for version {API_VERSION + 1} of the plugin interface, and bioclip-x 0.3.2 has version "
        f"{API_VERSION}; update bioclip-x, or install an older release of the plugin"
    )
    assert "update bioclip-x" in refusal(make_plugin("a_hook_of_tomorrow", API_VERSION + 1)), (
        "rather than an unknown hook"
    )


@pytest.mark.parametrize("declared", [0, "1", 1.0, True, None.__class__])
def test_what_is_no_version(declared: object) -> None:
    assert "expected its bioclip_x_api to be the version of the plugin interface" in refusal(
        make_plugin("losses", declared)
    )


def test_changed_arguments_are_explained_where_no_version_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        @hookimpl
        def configure(self, settings: Any) -> dict[str, Any]:
            return {}

    assert "older version" not in refusal(Old())
    monkeypatch.setattr(api_version, "API_VERSION", 2)
    monkeypatch.setattr(api_version, "CHANGES", [Change(2, "0.3", ("configure",), "`settings` is `recipe`")])
    assert refusal(Old()).endswith(
        "; was it written for an older version? configure in version 2 (bioclip-x 0.3): `settings` is `recipe`"
    )


def test_the_version_of_a_file(changed: None, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from bioclip_x.plugin import hookimpl\nbioclip_x_api = 1\n@hookimpl\ndef losses():\n    return []\n", "utf-8"
    )
    with pytest.raises(PluginError, match=r"mine\.py was written for version 1 of the plugin interface"):
        create_registry([str(file)])


def test_an_installed_plugin_for_another_version_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, value = "tomorrow", "tomorrow"
        dist = type("Dist", (), {"name": "bioclip-x-tomorrow", "version": "3.2"})()

        def load(self) -> Any:
            return make_plugin("losses", 99)

    real = importlib.metadata.entry_points(group="bioclip_x")
    monkeypatch.setattr("bioclip_x.hooks.registry.entry_points", lambda group: [*real, Point()])
    [warning] = create_registry().warnings
    assert "bioclip-x-tomorrow 3.2 was written for version 99" in warning and warning.endswith("; skipped")


def test_the_hooks_and_changes_are_of_known_versions() -> None:
    hooks = {name: value for name, value in vars(specs).items() if hasattr(value, f"{specs.GROUP}_spec")}
    assert all(1 <= hook.since <= API_VERSION for hook in hooks.values())
    assert all(1 < change.version <= API_VERSION and set(change.hooks) <= set(hooks) for change in CHANGES)
    assert [change.version for change in CHANGES] == sorted(change.version for change in CHANGES)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_template_declares_this_version(hook: str) -> None:
    assert f"\nbioclip_x_api = {API_VERSION}\n" in make_files(hook, "my-one")["src/bioclip_x_my_one/__init__.py"]
