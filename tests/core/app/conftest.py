"""Sessions on the demonstration model, which is loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.app.choices import Choices
from bioclip_x.app.labels import LabelFile
from bioclip_x.app.limits import Limits
from bioclip_x.app.loaded import Loaded, find_card_report, load_first
from bioclip_x.app.session import Session
from bioclip_x.app.worker import Worker
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe

DRAWINGS = Path(__file__).parents[3] / "examples" / "drawings"
MakeSession = Callable[..., Session]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return create_registry()


@pytest.fixture(scope="session")
def choices(registry: Registry) -> Choices:
    def resolve(changes: Mapping[str, Any]) -> tuple[Recipe, tuple[str, ...]]:
        return resolve_recipe(registry, flags={"batch_size": 8, **changes}), ()

    return Choices(registry, resolve)


@pytest.fixture(scope="session")
def loaded(registry: Registry, choices: Choices) -> Loaded:
    return load_first(registry, choices, is_plain=True, progress=lambda done, total: None)


@pytest.fixture
def make_session(registry: Registry, choices: Choices, loaded: Loaded, tmp_path: Path) -> Iterator[MakeSession]:
    """Makes sessions with a worker; the labels are in labels.csv of the test's folder."""
    pytest.importorskip("starlette")
    made: list[tuple[Session, Worker]] = []

    def make(limits: Limits | None = None) -> Session:
        folder = tmp_path / f"session-{len(made)}"
        folder.mkdir()
        labels = LabelFile(tmp_path / "labels.csv")
        own = Choices.__new__(Choices)
        own.__dict__ = {**choices.__dict__, "_files": {}}
        session = Session(registry, own, loaded, find_card_report(registry), labels, folder, limits)
        worker = Worker(session)
        worker.start()
        made.append((session, worker))
        return session

    yield make
    for session, worker in made:
        session.stop()
        worker.join(30)
        session.store.close()
