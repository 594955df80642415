"""Small things that tests make: models with random weights, images of noise, tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TINY: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {
        "image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16, "pool_type": "avg",
        "no_ln_pre": True,
    },
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}  # fmt: skip
PREPROCESS = {
    "size": [32, 32], "mode": "RGB", "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic",
    "resize_mode": "squash", "fill_color": 0,
}  # fmt: skip

BIRDS = """kingdom,phylum,class,order,family,genus,species,common_name,common_name_de
Animalia,Chordata,Aves,Passeriformes,Paridae,Parus,Parus major,great tit,Kohlmeise
Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,Eurasian blue tit,Blaumeise
Animalia,Chordata,Aves,Passeriformes,Turdidae,Turdus,Turdus merula,common blackbird,Amsel
Animalia,Chordata,,Testudines,Emydidae,Emys,Emys orbicularis,,
Plantae,Tracheophyta,Magnoliopsida,Fagales,Fagaceae,Quercus,,oak,Eiche
Plantae,Tracheophyta,Magnoliopsida,Fagales,Fagaceae,Quercus,Quercus robur,English oak,Stieleiche
"""


def write_model(folder: Path, config: dict[str, Any] = TINY, seed: int = 0) -> Path:
    """An open_clip model folder with random weights."""
    import open_clip.model
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = open_clip.model.CLIP(**config)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS}))
    return folder


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """RGB noise."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def lay_hub_cache(
    home: Path, repository: str, folder: Path, commit: str = COMMIT, branch: str = "main", kind: str = "model"
) -> None:
    """What `hf download` leaves behind in HF_HOME: refs, and a snapshot of the files by commit."""
    cache = home / "hub" / f"{kind}s--{repository.replace('/', '--')}"
    shutil.copytree(folder, cache / "snapshots" / commit)
    (cache / "refs").mkdir(parents=True, exist_ok=True)
    (cache / "refs" / branch).write_text(commit)


VIDEO_SIZE = (64, 48)


def write_video(
    path: Path,
    times: Iterable[float] = [i / 10 for i in range(40)],
    codec: str = "mpeg4",
    gop: int = 10,
    rate: int | None = None,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of PyAV whose frame at t seconds is grey of value 50·t, with the upper left corner white.

    rate: for formats of a constant rate; without it, times are in milliseconds.
    """
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=rate or 10)
        stream.width, stream.height, stream.pix_fmt = *VIDEO_SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate or 1000)
        stream.gop_size, stream.bit_rate = gop, 4_000_000
        for time in times:
            pixels = np.full((VIDEO_SIZE[1], VIDEO_SIZE[0], 3), min(250, round(time * 50)), np.uint8)
            pixels[:12, :16] = 255
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
