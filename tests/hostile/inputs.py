"""Small good inputs, of which the cases make bad ones."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from PIL import Image

LABELS = "Parus major\nCyanistes caeruleus\nErithacus rubecula\n"
TABLE = "species,family,order\nParus major,Paridae,Passeriformes\nCyanistes caeruleus,Paridae,Passeriformes\n"


@cache
def make_png(width: int = 32, height: int = 24) -> bytes:
    """Returns a small image."""
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


@cache
def make_jpeg(width: int = 32, height: int = 24) -> bytes:
    """Returns a small image."""
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def write_image(folder: Path, name: str = "bird.png") -> str:
    """Writes a small image. Returns its name."""
    (folder / name).write_bytes(make_png())
    return name


def write_labels(folder: Path, text: str = LABELS, name: str = "labels.txt") -> str:
    """Writes a list of classes. Returns its name."""
    (folder / name).write_text(text, "utf-8")
    return name


def classify(*more: str) -> list[str]:
    """Returns the arguments of a run that needs little time: one image, three classes. Both are to be written first."""
    return ["classify", "bird.png", "--labels", "labels.txt", "--format", "json", *more]


def prepare(folder: Path, *arguments: str) -> None:
    """Runs `bioclip-x` in a process of its own, to make a state that cases then damage. folder: its working folder.

    Its cache is `folder/cache`. It takes seconds: call it once (functools.cache), in a temporary folder, and copy what it made.
    Raises CalledProcessError.
    """
    environment = {**os.environ, "BIOCLIP_X_CACHE": str(folder / "cache"), "BIOCLIP_X_DATA": str(folder / "data")}
    environment |= {"BIOCLIP_X_CONFIG": os.devnull, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(
        [sys.executable, "-m", "bioclip_x", *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )
