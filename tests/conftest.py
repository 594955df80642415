"""Fixtures for all tests: a tiny open_clip model made here, a small taxonomy, and the real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes share the cores; before torch is imported, which reads it
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from helpers import BIRDS, picture, write_model

# Machines are noisy: speed is measured in benchmarks/, and a slow example is no failure.
settings.register_profile("bioclip-x", deadline=None, print_blob=True)
settings.load_profile("bioclip-x")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's settings, reads or writes the user's caches or data, and none reaches for the hub."""
    for name in [name for name in os.environ if name.startswith("BIOCLIP_X_")]:
        monkeypatch.delenv(name)
    nothing_set = tmp_path_factory.getbasetemp() / "config.yaml"
    nothing_set.touch()
    monkeypatch.setenv("BIOCLIP_X_CONFIG", str(nothing_set))
    monkeypatch.setenv("BIOCLIP_X_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BIOCLIP_X_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`local-dir:` name of a random-weights model: 32 px, 16 patches, D = 32."""
    return f"local-dir:{write_model(tmp_path_factory.mktemp('model') / 'tiny')}"


@pytest.fixture
def birds_csv(tmp_path: Path) -> Path:
    """Six classes: a hole (no class for Emys), a genus that is a class beside one of its species."""
    path = tmp_path / "birds.csv"
    path.write_text(BIRDS, "utf-8")
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of three images, one of them in a folder below."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for i, name in enumerate(["a.png", "b.jpg", "below/c.png"]):
        picture(i).save(folder / name)
    return folder


@pytest.fixture
def shared_data(request: pytest.FixtureRequest) -> Path:
    """The real data beside the checkout; skips where it is missing."""
    folder: Path = request.config.rootpath.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder shared/data with real data is not beside this checkout")
    return folder
