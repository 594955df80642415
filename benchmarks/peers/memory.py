"""Peak memory of `bioclip-x classify` for many images, compared with few: among the field guide's classes, and among 867,455.

The images are drawings of the field guide. One in ten is large, and the large ones are consecutive, so that all threads decode
large images at the same time. The many images are hard links to the few. Each sample is a separate process, which reports its
peak resident memory. The names of the large tree and their embeddings are laid into a hub cache, as BioCLIP 2's; the model has
its layout, random weights and few dimensions, so that the classes' embeddings, which take the same memory for any number of
images, do not hide what grows.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import open_clip.model
import torch
from big_tree import make_rows
from peers.figures import Captions, Figure, Target, measure_alternately
from safetensors.torch import save_file

from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import load_species
from bioclip_x_plugins.encoders.open_clip import OpenClip

ROUNDS = 3
TARGET = Target("at most", 1.05)
FEW, MANY = 100, 5_000
FEW_IN_TREE, MORE_IN_TREE, MOST_IN_TREE = 100, 1_000, 10_000
SIZE, LARGE = 256, (2400, 1800)
OUTPUTS = {"a CSV file": [], "a CSV file and an HTML report": ["--report", "report.html"]}
SMALL_MODEL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESSING = {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
COMMIT = "0" * 40
CHILD = """
import resource, sys
from pathlib import Path
from bioclip_x.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    status, own = end.code, Path("/proc/self/status")
if own.exists():  # unlike getrusage, it is reset by exec
    [peak] = [int(line.split()[1]) for line in own.read_text().splitlines() if line.startswith("VmHWM")]
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(peak)
sys.exit(status)
"""


def measure(rounds: int) -> dict[str, Figure]:
    figures = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        few = _draw(folder / "few")
        many = _link(few, folder / "many", MANY)
        for output, options in OUTPUTS.items():
            measure = partial(_measure_peak_mib, folder, options=options)
            measure(few)  # embeds the texts
            captions = Captions(f"{MANY:,} images", f"{FEW:,} images", "MiB")
            samples = measure_alternately(partial(measure, many), partial(measure, few), rounds)
            figures[output] = Figure(captions, TARGET, samples)
        hub = {"HF_HOME": str(_lay_tree(folder / "hub")), "HF_HUB_OFFLINE": "1"}
        measure = partial(_measure_peak_mib, folder, options=["--model", "bioclip-2"], environment=hub)
        measure(few)  # converts the embeddings
        for n in (MORE_IN_TREE, MOST_IN_TREE):
            more = _link(few, folder / f"{n}", n)
            captions = Captions(f"{n:,} images", f"{FEW_IN_TREE:,} images", "MiB")
            samples = measure_alternately(partial(measure, more), partial(measure, few), rounds)
            figures[f"{n:,} images among 867,455 classes"] = Figure(captions, TARGET, samples)
    return figures


def _measure_peak_mib(
    folder: Path, images: Path, *, options: Sequence[str], environment: Mapping[str, str] | None = None
) -> float:
    command = ["classify", str(images), "--quiet", "--output", "results.csv", *options]
    env = {**os.environ, "BIOCLIP_X_CACHE": str(folder / "cache"), **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return int(done.stdout.split()[-1]) / 1024


def _draw(folder: Path) -> Path:
    folder.mkdir()
    species = load_species()
    for i in range(FEW):
        drawing = draw_species(species[i % len(species)].name, (2027, i), SIZE).image
        if i % 50 < 5:
            drawing = drawing.resize(LARGE)
        drawing.save(folder / f"{i:05}.jpg", quality=90)
    return folder


def _link(few: Path, folder: Path, n: int) -> Path:
    folder.mkdir()
    for i in range(n):
        (folder / f"{i:05}.jpg").hardlink_to(few / f"{i % FEW:05}.jpg")
    return folder


def _lay_tree(home: Path) -> Path:
    """Lays a model with BioCLIP 2's name, 867,455 names and their embeddings into a hub cache; returns HF_HOME."""
    model, tree = home / "model", home / "tree" / "embeddings"
    model.mkdir(parents=True)
    tree.mkdir(parents=True)
    torch.manual_seed(0)
    weights = {key: value.contiguous() for key, value in open_clip.model.CLIP(**SMALL_MODEL).state_dict().items()}
    save_file(weights, model / "open_clip_model.safetensors")
    config = {"model_cfg": SMALL_MODEL, "preprocess_cfg": PREPROCESSING}
    (model / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    rows = make_rows()
    (tree / "txt_emb_species.json").write_text(json.dumps(rows), "utf-8")
    encoder = OpenClip().load(f"local-dir:{model}", device="cpu")
    texts = [f"an image of {' '.join(lineage)}." for lineage, _ in rows]  # type: ignore[arg-type]
    parts = [encoder.encode_texts(texts[start : start + 4096]) for start in range(0, len(texts), 4096)]
    np.save(tree / "txt_emb_species.npy", np.ascontiguousarray(torch.cat(parts).numpy().T))
    for kind, repository, folder in (
        ("models", "imageomics/bioclip-2", model),
        ("datasets", "imageomics/TreeOfLife-200M", tree.parent),
    ):
        cached = home / "hub" / f"{kind}--{repository.replace('/', '--')}"
        shutil.copytree(folder, cached / "snapshots" / COMMIT)
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text(COMMIT)
    return home
