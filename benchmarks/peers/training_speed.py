"""Images per second of training, compared with `open_clip_train.main`: the same images, model, precision, batch and workers.

The model is a ViT-B-32 with fewer layers in both towers, trained by CLIP's loss in float32. Once every image has a caption of its
own that fills the context of 77 tokens; once it has the taxonomic name of its species, one of 104, as BioCLIP's: a batch of 64
has about 49 distinct ones, of at most 35 tokens. Each sample is a separate process that trains for one epoch; the first steps are
not counted.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from open_clip_train_run import run_peer
from peers.figures import Captions, Figure, Limit, Target, measure_alternately
from PIL import Image

from bioclip_x_field_guide.species import load_species

ROUNDS = 3
STEPS, WARM_UP, BATCH, WORKERS = 6, 2, 64, 1
SIDE = 320
"""Of the images, in pixels; the model takes 224."""
LAYERS = 3
MODEL = {
    "embed_dim": 512,
    "vision_cfg": {"image_size": 224, "layers": LAYERS, "width": 768, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": LAYERS},
}
TAXONOMY = Path(__file__).parents[2] / "plugins" / "bioclip_x_field_guide" / "taxonomy.csv"
THREADS = os.cpu_count() or 1
CASES = {"77-token captions, one per image": ("captions", 1.0), "taxonomic names": ("names", 1.4)}


def measure(rounds: int) -> dict[str, Figure | Limit]:
    figures: dict[str, Figure | Limit] = {}
    waits: list[float] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_images(folder)
        numbers = iter(range(1000))
        for title, (case, times) in CASES.items():
            project = partial(run_project, folder, case, numbers, waits)
            peer = partial(run_open_clip, folder, case, numbers)
            samples = measure_alternately(project, peer, rounds)
            captions = Captions("bioclip-x, per image", "open_clip_train, per image", "s")
            figures[title] = Figure(captions, Target("at least", times), samples)
    figures["waiting for data"] = Limit("of a step, median", "%", tuple(waits), most=2)
    return figures


def make_images(folder: Path) -> None:
    """Writes images, and tables of them: for the project a manifest, for the peer its CSV file, with the same texts."""
    rng = np.random.default_rng(0)
    species = load_species()
    (folder / "images").mkdir()
    rows: dict[str, list[tuple[str, ...]]] = {"captions": [], "names": []}
    with TAXONOMY.open(encoding="utf-8", newline="") as handle:
        lineages = {row["species"]: " ".join(list(row.values())[:7]) for row in csv.DictReader(handle)}
    for i in range(STEPS * BATCH):
        path = f"images/{i:04}.jpg"
        coarse = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / path, quality=90)
        name = species[i % len(species)].name
        caption = " ".join(f"{word:x}" for word in rng.integers(0, 1 << 16, 60))  # far beyond 77 tokens, cut to them
        rows["captions"].append((path, name, caption))
        rows["names"].append((path, name, lineages[name]))
    for case, found in rows.items():
        with (folder / f"{case}.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(("path", "label", "text") if case == "captions" else ("path", "label"))
            writer.writerows(row if case == "captions" else row[:2] for row in found)
        with (folder / f"{case}-peer.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(("filepath", "title"))
            writer.writerows((str(folder / path), text) for path, _, text in found)


def run_project(folder: Path, case: str, numbers: Any, waits: list[float]) -> float:
    """Returns the median seconds per image of one run, and adds its share of waiting for data, in percent, to `waits`."""
    output = folder / f"run-{next(numbers)}"
    config = {
        "model": MODEL, "taxonomy": str(TAXONOMY), "text": ["taxonomic"], "loss": "clip",
        "data": [{"name": "manifest", "path": str(folder / f"{case}.csv")}],
        "augment": {"crop_scale": [0.9, 1.0]}, "epochs": 1, "batch_size": BATCH, "learning_rate": 5e-4, "weight_decay": 0.2,
        "grad_clip": None, "warmup_steps": 100, "precision": "fp32", "device": "cpu", "threads": THREADS, "workers": WORKERS,
        "output": str(output),
    }  # fmt: skip
    file = folder / f"{output.name}.yaml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    command = [sys.executable, "-m", "bioclip_x", "train", str(file), "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"bioclip-x train ended with {done.returncode}: {done.stderr[-3000:]}")
    events = [json.loads(line) for line in (output / "log.jsonl").read_text("utf-8").splitlines()]
    steps = [event for event in events if event["event"] == "step"][WARM_UP:]
    waits.append(median(100 * step["data_wait"] * step["images_per_second"] / BATCH for step in steps))
    return median(1 / step["images_per_second"] for step in steps)


def run_open_clip(folder: Path, case: str, numbers: Any) -> float:
    """Returns the median seconds per image of one run."""
    options = [
        "--train-data", str(folder / f"{case}-peer.csv"), "--dataset-type", "csv", "--csv-separator", ",",
        "--batch-size", str(BATCH), "--workers", str(WORKERS), "--precision", "fp32", "--device", "cpu", "--lr", "5e-4",
        "--wd", "0.2", "--warmup", "100", "--aug-cfg", "scale=(0.9,1.0)",
    ]  # fmt: skip
    steps = run_peer(folder, MODEL, options, name=f"peer-{next(numbers)}", env={"OMP_NUM_THREADS": str(THREADS)})
    return median(step.seconds / BATCH for step in steps[WARM_UP:])
