"""Data sets that tests build: a source whose rows a JSON-lines file lists, a taxonomy, and what a build leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from bioclip_x.dataset.build import build_dataset
from bioclip_x.dataset.config import read_config
from bioclip_x.hooks.registry import create_registry
from bioclip_x.progress import Progress

LISTED = '''"""A source of images whose rows a JSON-lines file gives; relative paths are relative to it."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa

from bioclip_x.plugin import ROW_COLUMNS, ComponentSpec, hookimpl

bioclip_x_api = 1


@hookimpl
def image_sources():
    return [ComponentSpec("listed", "rows of a JSON-lines file", f"{__name__}:Listed")]


class Listed:
    def __init__(self, *, path: Path):
        self.path = path

    def revision(self):
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def notes(self):
        return []

    def tables(self):
        rows = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
        for start in range(0, len(rows), 7):
            part = rows[start : start + 7]
            columns = {name: [self._get(row, name) for row in part] for name in ROW_COLUMNS}
            yield pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})

    def _get(self, row, name):
        value = row.get(name)
        is_local = name == "image" and value and "://" not in value
        return str(self.path.parent / value) if is_local else value
'''
TAXA = """kingdom,phylum,class,order,family,genus,species,common_name
Animalia,Chordata,Aves,Passeriformes,Paridae,Parus,Parus major,great tit
Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,blue tit
Animalia,Chordata,Aves,Passeriformes,Turdidae,Turdus,Turdus merula,blackbird
Plantae,Tracheophyta,Magnoliopsida,Fagales,Fagaceae,Quercus,Quercus robur,English oak
"""
SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Quercus robur")


def draw(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A picture of a few large blocks, which perceptual hashes tell apart whatever the compression."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)


def lay_source(folder: Path, count: int, name: str = "park", first: int = 0) -> list[dict[str, Any]]:
    """Writes images and the list of their rows, NAME.jsonl; returns the rows."""
    (folder / name).mkdir(parents=True)
    rows = []
    for number in range(first, first + count):
        file = f"{name}/{number:03}.jpg"
        draw(number).save(folder / file, quality=90)
        rows.append({"source_id": f"{number:03}", "image": file, "name": SPECIES[number % 4], "licence": "CC BY 4.0"})
    write_rows(folder / f"{name}.jsonl", rows)
    return rows


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def write_config(folder: Path, **fields: Any) -> Path:
    """Writes a configuration (JSON is YAML), the plugin and the taxonomy; returns the configuration's path."""
    (folder / "listed.py").write_text(LISTED, "utf-8")
    if not (folder / "taxa.csv").exists():
        (folder / "taxa.csv").write_text(TAXA, "utf-8")
    document = {
        "sources": [{"name": "listed", "path": "park.jsonl", "as": "park"}],
        "taxonomies": ["taxa.csv"],
        "plugins": ["listed.py"],
        "splits": {"val": 0.2},
        "shards": {"images": 10},
        "output": "out",
        "workers": 0,
        **fields,
    }
    (folder / "build.yaml").write_text(json.dumps(document), "utf-8")
    return folder / "build.yaml"


def build(file: Path, until: str = "shards", **changes: Any) -> tuple[dict[str, Any], list[str]]:
    """Builds in this process; returns the counts and the notes."""
    config = read_config(file, changes)
    registry = create_registry()
    registry.load(tuple(str(config.path(Path(plugin))) for plugin in config.plugins))
    notes: list[str] = []
    with Progress(enabled=False) as progress:
        return build_dataset(config, registry, progress, notes.append, until), notes


def read_catalogue(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of the catalogue by their `source_id`; of a repeated one, the first."""
    rows = pq.read_table(folder / "catalogue.parquet").to_pylist()
    return {row["source_id"]: row for row in reversed(rows)}


def hash_outputs(folder: Path) -> dict[str, str]:
    """The digests of all that a data set holds besides `work/`."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.parts[len(folder.parts)] != "work")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def find_times(folder: Path) -> dict[str, int]:
    """When each file of the stages and the shards was written, in nanoseconds."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
