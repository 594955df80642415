"""A copy of the examples, where their commands are run as they stand in them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from example_commands import ROOT, Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    guide = Path("plugins") / "bioclip_x_field_guide"
    (folder / guide).mkdir(parents=True)
    shutil.copy(ROOT / guide / "taxonomy.csv", folder / guide)
    source = folder / "examples" / "packages" / "bioclip-x-colours" / "src"
    installed = source / "bioclip_x_colours-0.1.0.dist-info"  # what pip writes
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: bioclip-x-colours\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text("[bioclip_x]\ncolours = bioclip_x_colours\n")
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "BIOCLIP_X_CACHE": str(tmp_path / "cache")}
    return Checkout(folder, environment)
