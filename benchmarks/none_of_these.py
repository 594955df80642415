"""Measures how well images of no listed class are refused, by every score, and the sets of the head `conformal`.

    python benchmarks/none_of_these.py --data ../shared/data

Two models. A small vision transformer is trained from scratch on shop photos of fruit and vegetables, without a quarter of the
species (about six minutes on one core), and then meets photos of the species left out and of animals. The field guide's model
meets drawings of its own species of which a quarter is not on the list. Photographs say what photographs do, drawings what
drawings do; neither model is a BioCLIP. Writes benchmarks/results/none_of_these.json and the tables in docs/uncertainty.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe
from training_table import photos
from training_table.rows import MODEL
from training_table.runs import train

from bioclip_x import Classifier
from bioclip_x.calibration.fit import calibrate
from bioclip_x.calibration.refusal import list_methods, score_images
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images, find_classes, split_in_halves
from bioclip_x.evaluation.metrics.risk_coverage import compute_auroc, compute_false_accept, find_acceptance_threshold
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.calibration import ACCEPTS
from bioclip_x.text_bank.random_texts import embed_random_texts
from bioclip_x_field_guide.species import list_trained_species
from bioclip_x_plugins.datasets.manifest import Manifest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "none_of_these.json"
PAGE = ROOT / "docs" / "uncertainty.md"
BEGIN, END = "<!-- table: written by benchmarks/none_of_these.py -->", "<!-- end of table -->"
PRODUCE = "grocery_produce"
EPOCHS, SEEDS, DRAWINGS, ACCEPT = 60, 5, 832, 0.95
NOTHING = "nothing"
"""The rank of an organism of which not even the kingdom is listed."""

Lineage = Sequence[str]


@dataclass(frozen=True)
class Case:
    """A classifier with images of listed and other classes. groups: name → rows of the off-list images."""

    title: str
    classifier: Classifier
    images: LabelledImages
    groups: Mapping[str, np.ndarray]


def main() -> int:
    options = _parse()
    torch.set_num_threads(1)
    data, work = options.data.resolve(), options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    cases = [make_photo_case(data, work), make_drawing_case(work)]
    results = {
        "about": (__doc__ or "").strip(),
        "command": "python benchmarks/none_of_these.py --data ../shared/data",
        "machine": describe(),
        "seeds": SEEDS,
        "accept": ACCEPT,
        "cases": [measure(case) for case in cases],
    }
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{make_tables(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    return 0


def make_photo_case(data: Path, work: Path) -> Case:
    """Trains the model, unless it is there, and embeds the photos that it was not trained on."""
    photos.prepare(data, work / "photos")
    taxa = {
        dataset: {one.name: one for one in photos.read_taxa(data / dataset / "classes.csv").values()}
        for dataset in photos.SETS
    }
    left_out = photos.choose_left_out(taxa[PRODUCE].values())
    listed = [one.lineage for one in taxa[PRODUCE].values() if one.name not in left_out]
    model = train_on_produce(data, work, listed)
    kept = [one for one in photos.read_photos(work / "photos") if is_met(one)]
    table = work / "met.csv"
    write_rows(table, ("path", "label"), [(one.path, one.label) for one in kept])
    classifier = Classifier(f"local-dir:{model}")
    dataset = Manifest(path=table, images=data, off_list="keep")
    list(dataset.prepare(classifier.taxonomy))
    images = embed_labelled_images(classifier, dataset)
    of_path = {str(data / one.path): one for one in kept}
    met = [of_path[source.name] for source in images.sources]
    lineages = [taxa[one.dataset][one.label].lineage for one in met]
    groups = {
        "species left out": np.array([one.dataset == PRODUCE for one in met]),
        "animals": np.array([one.dataset != PRODUCE for one in met]),
    }
    return Case("photos of fruit and vegetables", classifier, images, group(images, groups, lineages, listed))


def is_met(photo: photos.Photo) -> bool:
    """Whether a photo is of the test part, or of a species left out; of the animals, the test photos."""
    if photo.dataset == PRODUCE:
        return photo.part in ("test", "support", "query")
    return photo.part in ("test", "query")


def train_on_produce(data: Path, work: Path, listed: Sequence[Lineage]) -> Path:
    """Returns the folder of the model."""
    taxonomy, output = work / "produce.csv", work / "produce"
    if not (output / "model").exists():
        write_rows(taxonomy, photos.RANKS, listed)
        source = {"name": "preloaded", "path": str(work / "photos" / f"{PRODUCE}.csv"), "images": str(data)}
        train({
            "model": MODEL, "taxonomy": str(taxonomy), "text": ["taxonomic"], "loss": "unicl", "data": [source],
            "augment": {"crop_scale": [0.5, 1.0], "horizontal_flip": 0.5},
            "epochs": EPOCHS, "batch_size": 96, "learning_rate": 1e-3, "warmup_steps": 30, "weight_decay": 0.1, "seed": 0,
            "precision": "fp32", "device": "cpu", "threads": 1, "workers": 0, "keep": 1, "output": str(output),
        })  # fmt: skip
    return output / "model"


def make_drawing_case(work: Path) -> Case:
    """Embeds drawings of the field guide; every fourth of its species is not on the list."""
    whole = Classifier()
    species = sorted(one.name for one in list_trained_species())
    left_out = set(species[3::4])
    lineage_of = {whole.taxonomy.class_taxon(c).name: get_lineage(whole, c) for c in range(whole.taxonomy.n_classes)}
    listed = [lineage_of[name] for name in sorted(lineage_of) if name not in left_out]
    write_rows(work / "drawn.csv", photos.RANKS, listed)
    dataset = create_registry().make("datasets", "field-guide", {"count": DRAWINGS, "seed": 17})
    list(dataset.prepare(whole.taxonomy))
    images = embed_labelled_images(whole, dataset)
    names = [whole.taxonomy.class_taxon(c).name for c in images.class_n.tolist()]
    classifier = Classifier(taxonomy=work / "drawn.csv", loaded=whole.encoder)
    node_of = {name: node for node, name in enumerate(classifier.taxonomy.names)}
    node_n = np.array([-1 if name in left_out else node_of[name] for name in names], np.int64)
    images = replace(images, node_n=node_n, class_n=find_classes(node_n, classifier.taxonomy))
    lineages = [lineage_of[name] for name in names]
    groups = {"species not on the list": np.ones(len(names), bool)}
    return Case("drawings of the field guide", classifier, images, group(images, groups, lineages, listed))


def get_lineage(classifier: Classifier, class_index: int) -> Lineage:
    taxon = classifier.taxonomy.class_taxon(class_index)
    above = dict(taxon.lineage)
    return [above.get(rank, "") for rank in photos.RANKS]


def group(
    images: LabelledImages, of_name: Mapping[str, np.ndarray], lineages: Sequence[Lineage], listed: Sequence[Lineage]
) -> dict[str, np.ndarray]:
    """Returns the rows of off-list images by group, and by the lowest rank of theirs that is listed."""
    ranks = np.array([find_listed_rank(lineage, listed) for lineage in lineages])
    is_off_n = images.node_n < 0
    groups = {name: np.flatnonzero(is_off_n & of_n) for name, of_n in of_name.items()}
    order = [*reversed(photos.RANKS), NOTHING]
    by_rank = {f"listed up to {rank}": np.flatnonzero(is_off_n & (ranks == rank)) for rank in order}
    return {name: rows for name, rows in (groups | by_rank).items() if len(rows) > 1}


def find_listed_rank(lineage: Lineage, listed: Sequence[Lineage]) -> str:
    """Returns the lowest rank at which a lineage's taxon is that of a listed one.

    >>> find_listed_rank(["P", "T", "M", "R", "Ro", "Malus", "Malus x"], [["P", "T", "M", "R", "Ro", "Prunus", "Prunus y"]])
    'family'
    """
    for depth in range(len(photos.RANKS), 0, -1):
        if lineage[depth - 1] and any(tuple(one[:depth]) == tuple(lineage[:depth]) for one in listed):
            return photos.RANKS[depth - 1]
    return NOTHING


def measure(case: Case) -> dict[str, Any]:
    """Calibrates and measures with several splits; returns means over them, with standard deviations."""
    figures = [measure_once(case, seed) for seed in range(SEEDS)]
    chosen = [one.pop("chosen") for one in figures]
    return {
        "title": case.title,
        "listed": int((case.images.class_n >= 0).sum()),
        "classes": case.classifier.taxonomy.n_classes,
        "off_list": {name: len(rows) for name, rows in case.groups.items()},
        "mean": combine(figures, np.mean),
        "sd": combine(figures, lambda values: np.std(values, ddof=1)),
        "chosen": chosen,
    }


def measure_once(case: Case, seed: int) -> dict[str, Any]:
    classifier, images = case.classifier, case.images
    found = calibrate(classifier, images, case.title, accuracies=(), seed=seed)
    fitted, held_out = split_in_halves(images.class_n, seed)
    scores = score_all(case, found.temperature or 1.0)
    by_group = {}
    for name, rows in case.groups.items():
        by_group[name] = {
            method: {
                "auroc": compute_auroc(score_n[held_out], score_n[rows]),
                "false accept": float((score_n[rows] >= find_acceptance_threshold(score_n[fitted], ACCEPT)).mean()),
                "accepted": float((score_n[held_out] >= find_acceptance_threshold(score_n[fitted], ACCEPT)).mean()),
                "curve": [compute_false_accept(score_n[held_out], score_n[rows], accept) for accept in ACCEPTS],
            }
            for method, score_n in scores.items()
        }
    off_n = np.flatnonzero(images.node_n < 0)
    return {
        "chosen": found.refusal.method,
        "accuracy": found.accuracy,
        "ece": found.after.ece,
        "temperature": found.temperature or 1.0,
        "groups": by_group,
        "nothing done": {
            f"named with at least {share:.0%}": float((scores["probability"][off_n] >= share).mean())
            for share in (0.0, 0.5, 0.9)
        },
        "sets": {
            f"{one.score} {one.coverage:g}": {"covered": one.covered, "classes": one.classes, "single": one.single}
            for one in found.sets
            if one.threshold is not None
        },
    }


def score_all(case: Case, temperature: float) -> Mapping[str, np.ndarray]:
    methods = list_methods(case.classifier)
    random_D = embed_random_texts(case.classifier.encoder)
    rows = np.arange(len(case.images.class_n))
    return score_images(case.classifier, case.images, rows, methods, temperature, random_D)


def combine(figures: Sequence[Any], function: Callable[[Sequence[float]], Any]) -> Any:
    """Applies a function to the numbers at each place of equal nested figures."""
    first = figures[0]
    if isinstance(first, Mapping):
        return {key: combine([one[key] for one in figures], function) for key in first}
    if isinstance(first, list):
        return [combine(list(column), function) for column in zip(*figures)]
    return float(function(figures))


def make_tables(results: Mapping[str, Any]) -> str:
    return "\n\n".join(make_table(case, results) for case in results["cases"])


def make_table(case: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    mean, sd = case["mean"], case["sd"]
    methods = list(next(iter(mean["groups"].values())))
    lines = [
        f"**{case['title'].capitalize()}**: {case['listed']:,} images of {case['classes']} listed classes, accuracy "
        f"{mean['accuracy']:.1%}; AUROC, and in brackets the off-list images that are accepted at a threshold that accepts "
        f"{results['accept']:.0%} of the listed ones; means of {results['seeds']} splits. Without a threshold all are named, "
        f"{mean['nothing done']['named with at least 50%']:.0%} of them with a share of half or more.",
        "",
        "| off-list images | n | " + " | ".join(methods) + " |",
        "| --- | ---: |" + " ---: |" * len(methods),
    ]
    for name, of_method in mean["groups"].items():
        cells = [f"{of_method[one]['auroc']:.3f} ({of_method[one]['false accept']:.0%})" for one in methods]
        lines.append(f"| {name} | {case['off_list'][name]:,} | " + " | ".join(cells) + " |")
    sets = [key for key in mean["sets"] if key.endswith(" 0.9")]
    lines += ["", "| sets, coverage 0.9 | covered | classes | one class |", "| --- | ---: | ---: | ---: |"]
    for key in sets:
        one, spread = mean["sets"][key], sd["sets"][key]
        lines.append(
            f"| {key.split()[0]} | {one['covered']:.1%} ± {spread['covered']:.1%} | {one['classes']:.2f} | {one['single']:.0%} |"
        )
    return "\n".join(lines)


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the two data sets"
    )
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "none-of-these", help="folder of photos and model")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
