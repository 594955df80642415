"""Measures what boxes, masks and events gain, on drawings: `python benchmarks/camera_trap.py`.

Boxes: images of one to four species, a quarter each, whose boxes and masks the renderer knows. An image named as a whole can
name one of its species; a box counts as right if it has the name of its own. Events: bursts of three drawings of one species,
blurred at random, of which one in six frames shows the habitat alone. The field guide's model knows complete drawings, and
refuses others ("gate"); both are measured, with this gate and without. Drawings are drawings: what is gained on photographs
depends on the model and the camera. Writes benchmarks/results/camera_trap.json and the tables in docs/camera-traps.md.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from machine import describe
from PIL import Image, ImageFilter

import bioclip_x_field_guide
from bioclip_x import Classifier
from bioclip_x.evaluation.intervals import compute_difference_interval, compute_mean_interval
from bioclip_x.records import Result
from bioclip_x.regions.masks import encode_mask
from bioclip_x_field_guide.drawing import draw_habitat, draw_species
from bioclip_x_field_guide.group_drawing import draw_group
from bioclip_x_field_guide.painting.scene import HABITATS
from bioclip_x_field_guide.species import list_trained_species

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "camera_trap.json"
PAGE = ROOT / "docs" / "camera-traps.md"
BEGIN, END = "<!-- table: written by benchmarks/camera_trap.py -->", "<!-- end of table -->"
GROUPS, BURSTS, FRAMES, BLANK = 150, 150, 3, 1 / 6
SEED = 2028
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "the image as a whole": {},
    "boxes": {},
    "boxes and a tenth around them": {"box_padding": 0.1},
    "boxes made square": {"box_crop": "stretch"},
    "masks, background grey": {"mask": "grey"},
    "masks, background blurred": {"mask": "blur"},
    "masks, patches pooled": {"mask": "pool"},
}


def main() -> int:
    with TemporaryDirectory() as name:
        folder = Path(name)
        truth = draw_groups(folder)
        bursts = draw_bursts(folder / "bursts")
        models = {"with the gate": "field-guide", "without the gate": f"local-dir:{copy_without_gate(folder)}"}
        results = {
            "about": (__doc__ or "").strip(),
            "command": "python benchmarks/camera_trap.py",
            "machine": describe(),
            "images": GROUPS,
            "organisms": sum(map(len, truth.values())),
            "bursts": BURSTS,
            "regions": {title: measure_regions(model, folder, truth) for title, model in models.items()},
            "events": {title: measure_events(model, folder / "bursts", bursts) for title, model in models.items()},
        }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{make_tables(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    return 0


def copy_without_gate(folder: Path) -> Path:
    """Copies the field guide's model, so that it names whatever it is shown."""
    copy = folder / "model"
    shutil.copytree(Path(bioclip_x_field_guide.__file__).parent / "model", copy)
    card = json.loads((copy / "bioclip_x.json").read_text("utf-8"))
    del card["gate"], card["descriptors"]  # the latter lie outside of the folder
    (copy / "bioclip_x.json").write_text(json.dumps(card), "utf-8")
    return copy


def draw_groups(folder: Path) -> dict[str, Sequence[str]]:
    """Draws images of one to four species, and writes their boxes and masks as COCO; returns the species of each."""
    rng = np.random.default_rng(SEED)
    names = [species.name for species in list_trained_species()]
    (folder / "groups").mkdir()
    truth: dict[str, Sequence[str]] = {}
    coco: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "animal"}]}
    for number in range(GROUPS):
        chosen = [names[i] for i in rng.choice(len(names), 1 + number % 4, replace=False)]
        drawing = draw_group(chosen, (SEED, number))
        width, height = drawing.image.size
        drawing.image.save(folder / "groups" / f"{number:03}.png")
        truth[f"{number:03}.png"] = chosen
        coco["images"].append({"id": number, "file_name": f"{number:03}.png", "width": width, "height": height})
        for box, mask in zip(drawing.boxes, drawing.masks):
            bbox = [box[0] * width, box[1] * height, (box[2] - box[0]) * width, (box[3] - box[1]) * height]
            rle = {"size": [height, width], "counts": encode_mask(mask).counts}
            coco["annotations"].append({"image_id": number, "category_id": 1, "bbox": bbox, "segmentation": rle})
    (folder / "coco.json").write_text(json.dumps(coco), "utf-8")
    return truth


def measure_regions(model: str, folder: Path, truth: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Measures how many organisms are named right in each way; intervals are over images."""
    rows, loaded = [], None
    for way, settings in WAYS.items():
        boxes = None if way == "the image as a whole" else folder / "coco.json"
        classifier = Classifier(
            model, boxes=boxes, explain=False, k=1, loaded=loaded, taxonomy=find_taxonomy(), **settings
        )
        loaded = classifier.encoder
        right: dict[str, list[float]] = {name: [] for name in truth}
        refused = 0
        for result in classifier.classify(folder / "groups"):
            name = Path(result.source).name
            species = truth[name] if boxes is None else [truth[name][result.region_number]]
            is_right = bool(result.predictions) and result.predictions[0].taxon.name in species
            right[name] += [1.0 if boxes else is_right / len(species)] if is_right else [0.0]
            refused += bool(result.refused)
        shares = [float(np.mean(one)) for one in right.values()]
        rows.append(
            {
                "way": way,
                "right": float(np.mean(shares)),
                "interval": compute_mean_interval(shares, 0, 1),
                "refused": refused,
            }
        )
    return rows


def find_taxonomy() -> Path:
    return Path(bioclip_x_field_guide.__file__).parent / "taxonomy.csv"


def draw_bursts(folder: Path) -> dict[str, str]:
    """Draws bursts, a folder each; returns the species of each."""
    rng = np.random.default_rng(SEED)
    names = [species.name for species in list_trained_species()]
    truth = {}
    for number in range(BURSTS):
        burst = folder / f"{number:03}"
        burst.mkdir(parents=True)
        truth[str(burst)] = names[int(rng.integers(len(names)))]
        for frame in range(FRAMES):
            seed = (SEED, number, frame)
            is_blank = frame and rng.random() < BLANK * FRAMES / (FRAMES - 1)
            image = (
                draw_habitat(seed, HABITATS[int(rng.integers(len(HABITATS)))])
                if is_blank
                else draw_species(truth[str(burst)], seed).image
            )
            image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 5))))
            grain = rng.normal(0, 2.2, (*image.size, 1))
            Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)).save(burst / f"{frame}.png")
    return truth


def measure_events(model: str, folder: Path, truth: Mapping[str, str]) -> list[dict[str, Any]]:
    """Measures accuracies of images on their own and by event, means over events, and the paired gain."""
    rows, loaded = [], None
    alone: list[float] = []
    for pooling in ("product", "mean"):
        classifier = Classifier(
            model, event_by="folder", event_pooling=pooling, explain=False, k=1, loaded=loaded, taxonomy=find_taxonomy()
        )
        loaded = classifier.encoder
        results = list(classifier.classify(folder))
        images: dict[str, list[float]] = {name: [] for name in truth}
        together: dict[str, float] = {}
        for result in results:
            is_right = float(is_named(result, truth[result.event]))
            if result.level == "event":
                together[result.event] = is_right
            else:
                images[result.event].append(is_right)
        alone = [float(np.mean(images[name])) for name in truth]
        values = [together[name] for name in truth]
        gain = np.array(values) - np.array(alone)
        row = {"way": pooling, "right": float(np.mean(values)), "interval": compute_mean_interval(values, 0, 1)}
        rows.append({**row, "gain": float(gain.mean()), "gain_interval": compute_difference_interval(gain)})
    first = {
        "way": "images on their own",
        "right": float(np.mean(alone)),
        "interval": compute_mean_interval(alone, 0, 1),
    }
    return [first, *rows]


def is_named(result: Result, name: str) -> bool:
    return bool(result.predictions) and result.predictions[0].taxon.name == name


def make_tables(results: Mapping[str, Any]) -> str:
    """Makes the tables of the page."""
    titles = list(results["regions"])
    lines = [
        f"| {results['organisms']} organisms in {results['images']} images | {' | '.join(titles)} |",
        "| --- |" + " --- |" * len(titles),
    ]
    for rows in zip(*results["regions"].values()):
        lines.append(f"| {rows[0]['way']} | {' | '.join(_format(row) for row in rows)} |")
    lines += [
        "",
        f"| {results['bursts']} bursts of {FRAMES} | {' | '.join(titles)} |",
        "| --- |" + " --- |" * len(titles),
    ]
    names = {"product": "by event, log-probabilities averaged", "mean": "by event, probabilities averaged"}
    for rows in zip(*results["events"].values()):
        lines.append(f"| {names.get(rows[0]['way'], rows[0]['way'])} | {' | '.join(_format(row) for row in rows)} |")
    machine = results["machine"]
    return "\n".join([*lines, "", f"{machine['processor']}; `{results['command']}`."])


def _format(row: Mapping[str, Any]) -> str:
    text = f"{row['right']:.1%} [{row['interval'][0]:.1%}, {row['interval'][1]:.1%}]"
    if "gain" in row:
        low, high = row["gain_interval"]
        text += f", gain {row['gain']:+.1%} [{low:+.1%}, {high:+.1%}]"
    return text


if __name__ == "__main__":
    sys.exit(main())
