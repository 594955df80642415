"""Finds the component to check, and makes tests of pytest from its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bioclip_x.components import Kind
from bioclip_x.registry import Plugin, create_registry
from bioclip_x.testing.checks import Check, NotApplicable, Subject, list_checks


def make_subject(
    kind: Kind,
    name: str,
    *,
    plugins: Iterable[Plugin] = (),
    options: Mapping[str, Any] | None = None,
    examples: Mapping[str, Any] | None = None,
) -> Subject:
    """Finds a component of an installed plugin, or of one of `plugins`. Raises PluginError for one that is not there."""
    registry = create_registry(plugins)
    registry.target(kind, name)
    return Subject(kind, name, registry, options or {}, examples or {})


def conformance(
    kind: Kind,
    name: str,
    *,
    plugins: Iterable[Plugin] = (),
    options: Mapping[str, Any] | None = None,
    examples: Mapping[str, Any] | None = None,
) -> Callable[..., None]:
    """Returns a test function of pytest, parametrised by the checks of this kind.

    Assign it to a name that begins with `test_`. options, examples: see `Subject`; values may be functions without arguments,
    called when the test runs.
    """
    import pytest

    @pytest.mark.parametrize("check", list_checks(kind), ids=lambda check: check.name)
    def test(check: Check) -> None:
        given = {"options": _call(options or {}), "examples": _call(examples or {})}
        try:
            check.function(make_subject(kind, name, plugins=plugins, **given))
        except NotApplicable as reason:
            pytest.skip(str(reason))

    return test


def _call(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values, those that are functions called."""
    return {key: value() if callable(value) else value for key, value in values.items()}
