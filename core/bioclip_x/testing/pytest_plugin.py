"""The pytest plugin: a fixture that is every check of every component of some plugins, in turn.

With `bioclip_x_plugins = my-plugin` in pytest's configuration, or --bioclip-x-plugins on the command line,

    def test_conformance(bioclip_x_check):
        bioclip_x_check()

is a test for each check. Names are those of `--plugin`: installed plugins, modules, files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FIXTURE = "bioclip_x_check"
pytest.register_assert_rewrite("bioclip_x.testing")


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "plugins of bioclip-x whose components the fixture bioclip_x_check checks"
    parser.addini("bioclip_x_plugins", about, type="args", default=[])
    parser.addoption("--bioclip-x-plugins", metavar="NAME[,NAME]", help=about)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if FIXTURE not in metafunc.fixturenames:
        return
    from bioclip_x.hooks.components import KINDS
    from bioclip_x.hooks.registry import create_registry
    from bioclip_x.testing.checks import Subject, list_checks

    given = metafunc.config.getoption("--bioclip-x-plugins")
    plugins = given.split(",") if given else metafunc.config.getini("bioclip_x_plugins")
    if not plugins:
        raise pytest.UsageError(f"{FIXTURE} needs plugins: bioclip_x_plugins = NAME, or --bioclip-x-plugins NAME")
    registry = create_registry()
    names = registry.load(plugins)
    subjects = [
        Subject(kind, name, registry)
        for kind in KINDS
        for name, found in registry.components(kind).items()
        if found.plugin in names
    ]
    cases = [(subject, check) for subject in subjects for check in list_checks(subject.kind)]
    ids = [f"{subject.kind}-{subject.name}-{check.name}" for subject, check in cases]
    metafunc.parametrize(FIXTURE, cases, ids=ids, indirect=True)


@pytest.fixture
def bioclip_x_check(request: pytest.FixtureRequest) -> Callable[[], None]:
    """A check of a component, as a function without arguments."""
    from bioclip_x.testing.checks import NotApplicable

    subject, check = request.param

    def run() -> Any:
        try:
            check.run(subject)
        except NotApplicable as reason:
            pytest.skip(str(reason))

    return run
