"""What is told of made-up rows, and a tiny data set that is really built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from card_rows import make_park, open_catalogue

pytest.importorskip("duckdb", reason="building data sets needs the extra `dataset`")

from bioclip_x.dataset.build import build_dataset
from bioclip_x.dataset.card.facts import Facts, collect_facts
from bioclip_x.dataset.config import make_config
from bioclip_x.dataset.output.catalogue import count_images
from bioclip_x.hooks.registry import create_registry
from bioclip_x.progress import Progress

SOURCE = """
from pathlib import Path

import pyarrow as pa

from bioclip_x import ComponentSpec, hookimpl


class Tiny:
    def __init__(self, *, path: Path):
        self.path = path

    def revision(self):
        return "1"

    def notes(self):
        return ()

    def tables(self):
        files = sorted(self.path.glob("*/*"))
        yield pa.table({
            "source_id": [f"{file.parent.name}/{file.name}" for file in files],
            "image": [str(file) for file in files],
            "name": [file.parent.name for file in files],
            "licence": ["CC BY 4.0"] * len(files),
            "rights_holder": ["Ann | Doe"] * len(files),
        })


@hookimpl
def image_sources():
    return [ComponentSpec("tiny", "photos in folders by name", f"{__name__}:Tiny")]
"""


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., Facts]:
    """Counts what is told of rows."""

    def collect(rows: Sequence[Mapping[str, Any]], **fields: Any) -> Facts:
        connection = open_catalogue(rows)
        return collect_facts(connection, make_park(**fields), count_images(connection), tmp_path)

    return collect


@pytest.fixture
def built(tmp_path: Path, birds_csv: Path) -> Path:
    """The folder of a data set of 24 photos, of which one is no image, and eight are of a listed species."""
    rng = np.random.default_rng(0)
    photos = tmp_path / "ann-doe" / "photos"
    for name in ("Parus major", "Cyanistes caeruleus", "Turdus merula"):
        (photos / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(photos / name / f"{i}.jpg")
    (photos / "Parus major" / "0.jpg").write_bytes(b"no image")
    (tmp_path / "rare.txt").write_text("Turdus merula\n", "utf-8")
    (tmp_path / "tiny_source.py").write_text(SOURCE, "utf-8")
    registry = create_registry()
    registry.load([str(tmp_path / "tiny_source.py")])
    config = make_config({
        "title": "Birds of a park", "sources": [{"name": "tiny", "path": str(photos)}],
        "taxonomies": [str(birds_csv)], "splits": {"val": 0.3}, "held_out": {"species": str(tmp_path / "rare.txt")},
        "shards": {"images": 4}, "workers": 0, "output": str(tmp_path / "built"), "base": tmp_path,
        "duplicates": {"perceptual": None},
    })  # fmt: skip
    with Progress(enabled=False) as progress:
        build_dataset(config, registry, progress, lambda note: None)
    return tmp_path / "built"
