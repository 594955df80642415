"""Coloured squares to train on: four made-up species, one colour each."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

COLOURS = {
    "Rubrus primus": (220, 30, 30),
    "Viridis secundus": (30, 200, 40),
    "Caeruleus tertius": (40, 40, 220),
    "Flavus quartus": (230, 220, 40),
}
MODEL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    "preprocess": {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
}


def square(colour: tuple[int, int, int], rng: np.random.Generator) -> Image.Image:
    """A square of roughly this colour somewhere on dark noise."""
    pixels = rng.integers(0, 100, (36, 40, 3)).astype(np.uint8)
    top, left = rng.integers(0, 14, 2)
    pixels[top : top + 22, left : left + 22] = np.clip(np.array(colour) + rng.integers(-20, 20, 3), 0, 255)
    return Image.fromarray(pixels)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small do not benefit from threads, and on a busy machine synchronisation makes them ten times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """Also where the tests run in the background, whose processes start with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def config_fields(tmp_path: Path) -> dict[str, Any]:
    """The fields of a configuration with data in `tmp_path`: 4 classes x 12 images, 3 steps of 16 per epoch."""
    rng = np.random.default_rng(0)
    rows = ["kingdom,genus,species,common_name"]
    for name, colour in COLOURS.items():
        folder = tmp_path / "squares" / name.replace(" ", "_")
        folder.mkdir(parents=True)
        for i in range(12):
            square(colour, rng).save(folder / f"{i:02}.png")
        rows.append(f"Animalia,{name.split()[0]},{name},{name.split()[0].lower()} square")
    (tmp_path / "taxonomy.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return {
        "model": MODEL,
        "taxonomy": "taxonomy.csv",
        "text": ["scientific", {"name": "common", "weight": 2}],
        "data": {"name": "image-folder", "path": "squares"},
        "augment": {"crop_scale": [0.6, 1.0], "horizontal_flip": 0.5, "colour_jitter": 0.1},
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 0.002,
        "warmup_steps": 2,
        "seed": 1,
        "precision": "fp32",
        "device": "cpu",
        "workers": 2,
        "output": "run",
    }


@pytest.fixture
def config_file(tmp_path: Path, config_fields: dict[str, Any]) -> Path:
    file = tmp_path / "train.yaml"
    file.write_text(yaml.safe_dump(config_fields), "utf-8")
    return file
