"""Makes the embedded demo model, in one command: drawings, training, gate, and into the package.

    python benchmarks/field_guide/build.py [--resume] [--skip-training]

About an hour on 2 cores: the drawings first (cached), then `bioclip-x train benchmarks/field_guide/model.yaml`, then a
gate fitted to drawings alone. The model folder gets a `training.json` that says how it was made.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import describe

from bioclip_x.settings import find_cache_folder
from bioclip_x.training.config import read_config
from bioclip_x_field_guide.drawing import PLANS, draw_random, draw_species
from bioclip_x_field_guide.species import list_trained_species
from bioclip_x_plugins.encoders.gate import compute_features, fit
from bioclip_x_plugins.encoders.loaded import LoadedOpenClip
from bioclip_x_plugins.encoders.open_clip import OpenClip

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("model.yaml")
RUN = ROOT / "runs" / "field-guide"
TARGET = ROOT / "plugins" / "bioclip_x_field_guide" / "model"
REFUSAL = "not a field-guide drawing: use --model bioclip-2"
FIT_SEED, HELD_OUT_SEED = 11, 12
FITTED, HELD_OUT = (40, 480), (6, 72)
"""Drawings of each species, and organisms of random traits of each body plan."""
QUANTILE, SLACK = 0.995, 1.0
"""The gate lets in what is up to SLACK times as far as the 995th of 1,000 held-out drawings."""


def as_users_have_them(image: Image.Image, index: int) -> Image.Image:
    """Every third drawing saved as JPEG, every other third at another size: the gate must know those for drawings too."""
    if index % 3 == 0:
        return image
    if index % 3 == 1:
        return image.resize((160 + index % 97,) * 2, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80 + index % 16)
    return Image.open(buffer).convert("RGB")


def drawings(seed: int, per_species: int, per_plan: int) -> Iterator[Image.Image]:
    """Of the species that the model was trained on, and as many others: the gate knows a kind of drawing, not a list."""
    for s, species in enumerate(list_trained_species()):
        for k in range(per_species):
            yield draw_species(species.name, (seed, 0, s, k), 256).image
    for p, plan in enumerate(PLANS):
        for k in range(per_plan):
            yield draw_random(plan, (seed, 1, p, k), 256)[0].image


@torch.inference_mode()
def gate_features(encoder: LoadedOpenClip, seed: int, per_species: int, per_plan: int) -> torch.Tensor:
    """What the gate sees of drawings as users have them: float32 [n, F]."""
    parts = []
    for number, drawing in enumerate(drawings(seed, per_species, per_plan)):
        pixels_13HW = encoder.preprocess(as_users_have_them(drawing, number))[None]
        mean, std = (torch.tensor(encoder.card.preprocessing[key])[:, None, None] for key in ("mean", "std"))
        embedding_1D = encoder.model.encode_image(pixels_13HW).float()
        parts.append(compute_features((pixels_13HW * std + mean).clamp(0, 1), embedding_1D))
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--skip-training", action="store_true", help="take the run that is there; fit the gate again")
    options = parser.parse_args()
    seconds = None
    drawn_before = any((find_cache_folder() / "field-guide").glob("*.npy"))
    if not options.skip_training:
        began = time.monotonic()
        resume = ["--resume"] if options.resume else []
        subprocess.run([sys.executable, "-m", "bioclip_x", "train", str(CONFIG), *resume], check=True)
        seconds = round(time.monotonic() - began)
    shutil.copytree(RUN / "model", TARGET, dirs_exist_ok=True)
    encoder = OpenClip().load(f"local-dir:{RUN / 'model'}", device="cpu")
    fitted, held_out = (gate_features(encoder, seed, *n) for seed, n in ((FIT_SEED, FITTED), (HELD_OUT_SEED, HELD_OUT)))
    gate = fit(fitted, held_out, REFUSAL, QUANTILE, SLACK)
    gate.save(TARGET / "gate.safetensors")
    (TARGET / "gate.safetensors").chmod(0o644)  # safetensors writes private files
    card = json.loads((TARGET / "bioclip_x.json").read_text())
    card["gate"] = {"file": "gate.safetensors", "refusal": REFUSAL}
    (TARGET / "bioclip_x.json").write_text(json.dumps(card, indent=2) + "\n")
    if seconds is not None:
        about = {
            "config": "benchmarks/field_guide/model.yaml",
            "seconds": seconds,
            "drawn_before": drawn_before,
            "threads": read_config(CONFIG).threads,
            "machine": describe("torchvision", "safetensors"),
        }
        (TARGET / "training.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{TARGET}: {sum(f.stat().st_size for f in TARGET.iterdir()) / 1e6:.1f} MB, gate at {gate.threshold:.1f}")


if __name__ == "__main__":
    main()
