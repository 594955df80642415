"""Making training batches without a model: images per second and core at 224 px, and the cost of tokenising.

    python benchmarks/training_loader.py [--images N] [--rounds N] [--output FILE]

Images are JPEGs of 500 px, as files of class folders and as members of webdataset's tar files, with the crop, flip and colour
factors of a training run; each with species names (few distinct texts) and with a caption of 77 tokens or more per image.
`workers: 0` gives the images per second of one core. Writes benchmarks/results/training_loader.json with every sample, and the
table in docs/training-experiments.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import open_clip
import torch
from machine import describe
from PIL import Image, ImageFilter

from bioclip_x.hooks.components import Dataset, Sample
from bioclip_x.records import TextRequest
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training.config import Augment
from bioclip_x.training.data.augment import View
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.loader import ChunkMaker, Loader
from bioclip_x.training.data.order import EpochOrder, Source
from bioclip_x.training.data.texts import TextKind, TextSampler
from bioclip_x.training.data.tokens import Tokens
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from bioclip_x_plugins.datasets.webdataset import WebDataset
from bioclip_x_plugins.text.names import Scientific

ROOT = Path(__file__).parents[1]
SIDE, BATCH, CLASSES, PER_SHARD = 500, 64, 20, 256
AUGMENT = Augment(crop_scale=(0.4, 1.0), horizontal_flip=0.5, colour_jitter=0.2)


class Clip:
    """CLIP's tokenizer, as models have it."""

    def __init__(self) -> None:
        self._tokenizer = open_clip.SimpleTokenizer()
        self.context_length = int(self._tokenizer.context_length)

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        return self._tokenizer(list(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self._tokenizer.encode(text)) + 2 for text in texts]


class Captioned:
    """A data set of which each image has a caption of its own instead of its class's texts."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def name(self, index: int) -> str:
        return self._dataset.name(index)

    def image(self, index: int) -> Any:
        return self._dataset.image(index)

    def sample(self, index: int) -> Sample:
        return Sample(self._dataset.sample(index).node, (make_caption(index),))


VOCABULARY = """
a an the bird plant beetle leaf wing red brown white striped spotted small large sits grows on under beside with branch stone
river meadow forest morning light petal antenna feather shell stem root flower crown tail beak leg eye
"""
WORDS = np.array(VOCABULARY.split())


def make_caption(number: int) -> str:
    """Makes a caption of more than 77 tokens, of which there is no other."""
    return f"image {number}: {' '.join(np.random.default_rng(number).choice(WORDS, 80))}"


PAGE = ROOT / "docs" / "training-experiments.md"
RESULTS = ROOT / "benchmarks" / "results" / "training_loader.json"
BEGIN, END = "<!-- loader: written by benchmarks/training_loader.py -->", "<!-- end of loader -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    taxonomy = from_labels([f"Genus{c} species{c}" for c in range(CLASSES)])
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        os.environ["BIOCLIP_X_CACHE"] = str(Path(folder, "cache"))
        sources = write_images(Path(folder), options.images)
        cases = {
            (kind, texts, workers): make_loader(dataset, taxonomy, texts, workers)
            for kind, dataset in prepare(sources, taxonomy)
            for texts in ("names", "captions of 77 tokens")
            for workers in (0, os.cpu_count() or 1)
        }
        rates: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
        for _ in range(options.rounds):  # all in turn, so that a busy moment does not fall on one of them
            for case, loader in cases.items():
                rates[case].append(measure(loader, options.images))
        figures = [
            {"images": kind, "texts": texts, "workers": workers, "images_per_second": round(median(one), 1),
             "per_core": round(median(one) / max(workers, 1), 1), "samples": [round(x, 1) for x in one]}
            for (kind, texts, workers), one in rates.items()
        ]  # fmt: skip
        result = {
            "machine": describe(),
            "images": options.images,
            "side": SIDE,
            "batch_size": BATCH,
            "figures": figures,
            "milliseconds_per_text": measure_tokenising(),
        }
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    if options.output == RESULTS:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(result)}\n{END}{rest.partition(END)[2]}", "utf-8")


def table(result: Mapping[str, Any]) -> str:
    """Formats results as Markdown."""
    rows = ["| images | texts | worker processes | images/s | per core |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {one['images']} | {one['texts']} | {one['workers']} | {one['images_per_second']:.0f} | {one['per_core']:.0f} |"
        for one in result["figures"]
    ]
    new, cached = (result["milliseconds_per_text"][key] for key in ("new, 77 tokens", "cached"))
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    about = (
        f"JPEGs of {result['side']} px. Tokenising takes {new:.2f} ms for a new text of 77 tokens, and {cached} ms for one that "
        f"was met before. {machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {versions}; medians of "
        f"{len(result['figures'][0]['samples'])} rounds; `python benchmarks/training_loader.py`."
    )
    return "\n".join([*rows, "", about])


def write_images(folder: Path, count: int) -> dict[str, Path]:
    """Writes the same JPEGs as files of class folders and as shards."""
    for first in range(0, count, PER_SHARD):
        with tarfile.open(folder / f"shard-{first // PER_SHARD:03}.tar", "w") as tar:
            for i in range(first, min(first + PER_SHARD, count)):
                content, name = make_jpeg(i), f"Genus{i % CLASSES} species{i % CLASSES}"
                file = folder / "images" / name / f"{i:05}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                for kind, data in (("jpg", content), ("sci.txt", f"a photo of {name}.".encode())):
                    member = tarfile.TarInfo(f"{i:05}.{kind}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return {"files": folder / "images", "webdataset": folder / "shard-*.tar"}


def make_jpeg(seed: int) -> bytes:
    """Makes a JPEG of about 60 kB, as photos of this size have."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    pixels = sum(np.asarray(noise.filter(ImageFilter.GaussianBlur(r)), float) * w for r, w in ((1.5, 0.5), (12, 2)))
    stream = io.BytesIO()
    Image.fromarray(np.clip(pixels - 190, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def prepare(sources: dict[str, Path], taxonomy: Taxonomy) -> Iterator[tuple[str, Dataset]]:
    for kind, path in sources.items():
        dataset = ImageFolder(path=path) if kind == "files" else WebDataset(path=path)
        list(dataset.prepare(taxonomy))
        yield kind, dataset


def make_loader(dataset: Dataset, taxonomy: Taxonomy, texts: str, workers: int) -> Loader:
    request = TextRequest(taxonomy, range(taxonomy.n_classes))
    make = ChunkMaker(
        ImageReader([dataset if texts == "names" else Captioned(dataset)]),
        TextSampler([TextKind(Scientific(), request, 1)], own=1),
        Tokens(Clip()),
        View((224, 224), "shortest", "bicubic"),
        augments=(AUGMENT,),
        prefixes=("",),
        texts_per_image=1,
        text_per="image",
        seed=0,
    )
    blocks = tuple(dataset.blocks()) if isinstance(dataset, WebDataset) else ()
    return Loader(make, EpochOrder((Source(len(dataset), blocks=blocks),), 0), BATCH, workers)


def measure(loader: Loader, images: int) -> float:
    """Returns images per second over two epochs, from the first batch on, so without the start of the processes."""
    batches = loader.batches(2)
    next(batches)
    start = time.perf_counter()
    count = sum(len(batch.node_B) for batch in batches)
    assert count == 2 * (images // BATCH) * BATCH - BATCH
    return count / (time.perf_counter() - start)


def measure_tokenising() -> dict[str, float]:
    """Returns the milliseconds to tokenise a new text, and one that is cached."""
    texts = [make_caption(i) for i in range(500)]
    tokens = Tokens(Clip())
    return {name: round(seconds(tokens, texts) * 1000 / len(texts), 4) for name in ("new, 77 tokens", "cached")}


def seconds(tokens: Tokens, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    tokens(texts)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
