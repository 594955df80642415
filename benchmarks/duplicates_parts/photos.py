"""Real photos, with copies of some of them planted: encoded anew, resized, cropped, brightened, turned grey, mirrored."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

N_ANIMALS, N_PRODUCE, N_SOURCES = 3000, 2000, 250


@dataclass(frozen=True)
class Photos:
    """paths_N: files, originals first. source_N: which original each shows. kind_N: blank for an original."""

    paths_N: list[Path]
    source_N: np.ndarray
    kind_N: list[str]
    taxa_N: list[str]


def prepare(data: Path, work: Path, seed: int = 0) -> Photos:
    """Draws 5,000 photos, and writes each kind of copy of 250 of them as PNG or JPEG below `work`."""
    rng = np.random.default_rng(seed)
    originals: list[Path] = []
    for folder, n in (("tinyimagenet_bio", N_ANIMALS), ("grocery_produce", N_PRODUCE)):
        files = sorted(
            path for path in (data / folder / "images").rglob("*") if path.suffix.lower() in (".jpeg", ".jpg")
        )
        originals += [files[i] for i in np.sort(rng.permutation(len(files))[:n])]
    sources = np.sort(rng.permutation(len(originals))[:N_SOURCES])
    paths, source_N, kinds = list(originals), list(range(len(originals))), [""] * len(originals)
    for kind, change in KINDS.items():
        for source in sources.tolist():
            path = work / f"{kind.replace(' ', '-').replace('%', '')}-{source}.png"
            if not path.exists():
                with Image.open(originals[source]) as image:
                    change(image.convert("RGB")).save(path)
            paths.append(path)
            source_N.append(source)
            kinds.append(kind)
    taxa = [originals[source].parent.name for source in source_N]
    return Photos(paths, np.array(source_N), kinds, [taxon if taxon != "images" else "" for taxon in taxa])


def _encode(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def _crop(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    x, y = max(1, round(width * share / 2)), max(1, round(height * share / 2))
    return image.crop((x, y, width - x, height - y))


def _resize(image: Image.Image, factor: float) -> Image.Image:
    width, height = image.size
    return image.resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 75": lambda image: _encode(image, 75),
    "JPEG 30": lambda image: _encode(image, 30),
    "half size": lambda image: _resize(image, 0.5),
    "double size": lambda image: _resize(image, 2.0),
    "cropped 4%": lambda image: _crop(image, 0.04),
    "cropped 10%": lambda image: _crop(image, 0.10),
    "brighter 20%": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}
