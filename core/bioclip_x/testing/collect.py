"""Finds the component to check, and makes tests of pytest from its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any

from bioclip_x.hooks.components import Kind
from bioclip_x.hooks.loading import Plugin
from bioclip_x.hooks.registry import Registry, create_registry
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
    return _find(create_registry(plugins), kind, name, options, examples)


def _find(
    registry: Registry, kind: Kind, name: str, options: Mapping[str, Any] | None, examples: Mapping[str, Any] | None
) -> Subject:
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

    find_registry = cache(partial(create_registry, tuple(plugins)))  # when the first test runs; it takes a while

    @pytest.mark.parametrize("check", list_checks(kind), ids=lambda check: check.name)
    def test(check: Check) -> None:
        given = [_call(values or {}) for values in (options, examples)]
        try:
            check.run(_find(find_registry(), kind, name, *given))
        except NotApplicable as reason:
            pytest.skip(str(reason))

    return test


def _call(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values, those that are functions called."""
    return {key: value() if callable(value) else value for key, value in values.items()}
