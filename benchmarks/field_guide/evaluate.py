"""How well the embedded model names fresh drawings, and whether it keeps silent about photographs.

    python benchmarks/field_guide/evaluate.py [--photographs FOLDER]

Drawings of a seed that nothing was trained or fitted on, 20 of each species, through the public `Classifier` as a user
would run it; a drawing that the gate refuses counts as an error. Photographs are other people's data and not part of
the project: with --photographs each folder below FOLDER is run and its share of refusals reported.
Writes benchmarks/results/field_guide.json, and its table into docs/field-guide.md.
These figures are about drawings. They say nothing about photographs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import describe

from bioclip_x import Classifier
from bioclip_x.components import LoadedEncoder
from bioclip_x_plugins.field_guide.drawing import draw_species
from bioclip_x_plugins.field_guide.species import descriptors, load_species, phrases, trait_values

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "field_guide.json"
PAGE = ROOT / "docs" / "field-guide.md"
BEGIN, END = "<!-- figures: written by benchmarks/field_guide/evaluate.py -->", "<!-- end of figures -->"
ROWS = {
    "species_top1_taxonomic": "species, by taxonomic names",
    "species_top1_common": "species, by common names",
    "species_top1_descriptors": "species, `--plugin descriptors` (bare phrases, no name in them)",
    "species_top1_named_descriptors": "species, `--text descriptors:style=has` (name and phrase)",
    "family_by_rollup": "family, `--plugin rollup --rank family`",
    "family_by_rollup_descriptors": "family, the same with `--plugin descriptors`",
    "refused": "refused by the gate (counted as wrong above)",
}
SEED, PER_SPECIES = 2026, 20
PICTURES = {".jpg", ".jpeg", ".png"}  # .JPEG too: suffixes are lowered
FELL = {
    "changed_phrase_fell": "its phrase fell, relative to the class's others",
    "unrelated_phrase_fell": "an unrelated phrase did",
}


def share(hits: int, of: int) -> dict[str, object]:
    """A proportion with its 95% Wilson score interval (Wilson 1927)."""
    z, p = 1.96, hits / of
    centre, width = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((centre + sign * width) / (1 + z * z / of) for sign in (-1, 1))
    return {"value": round(p, 4), "hits": hits, "of": of, "interval95": [round(low, 4), round(high, 4)]}


@cache
def drawings() -> list[Image.Image]:
    found = [(species.name, (SEED, s, k)) for s, species in enumerate(load_species()) for k in range(PER_SPECIES)]
    return [draw_species(name, seed, 256).image for name, seed in found]


def named(**recipe: object) -> list[str]:
    """The best name for every drawing, "" where it was refused."""
    results = Classifier(**recipe).classify(drawings())  # type: ignore[arg-type]
    return [result.predictions[0].taxon.name if result.predictions else "" for result in results]


def agreement(found: list[str], truth: list[str]) -> dict[str, object]:
    return share(sum(a == b for a, b in zip(found, truth, strict=True)), len(truth))


def faithfulness() -> dict[str, Any]:
    """Whether a phrase falls when its trait is changed in the drawing, everything else the same, and others do not.

    A fall is one relative to the class's other phrases. One drawing a trait of each species; what the trait is changed
    to, and the unrelated phrase looked at beside it, are drawn at random.
    """
    encoder = Classifier().encoder
    rng = np.random.default_rng(SEED)
    fell = {"changed": 0, "unrelated": 0}
    pairs = 0
    for s, species in enumerate(load_species()):
        said = descriptors(species)
        texts_PD = encoder.encode_texts(said)
        for trait, value in species.traits.items():
            changed = phrases(species.plan, trait, value)[0]
            if changed not in said:
                continue
            other = rng.choice([v for v in trait_values(species.plan)[trait] if v != value])
            change_P = _change(encoder, texts_PD, species.name, s, {trait: str(other)})
            beside = change_P - (change_P.sum() - change_P) / (len(said) - 1)  # less the mean of the others
            unrelated = int(rng.choice([i for i, phrase in enumerate(said) if phrase != changed]))
            fell["changed"] += bool(beside[said.index(changed)] < 0)
            fell["unrelated"] += bool(beside[unrelated] < 0)
            pairs += 1
    return {f"{name}_phrase_fell": share(count, pairs) for name, count in fell.items()}


def _change(encoder: LoadedEncoder, texts_PD: torch.Tensor, name: str, s: int, change: dict[str, str]) -> np.ndarray:
    """How each phrase's similarity changes with the drawing: float32 [P]."""
    pair = [draw_species(name, (SEED, s, 99), 256, change=given).image for given in ({}, change)]
    embeddings = encoder.encode_images(torch.stack([encoder.preprocess(image) for image in pair])).embeddings_BD
    found: np.ndarray = (texts_PD @ (embeddings[1] - embeddings[0])).numpy()
    return found


def photographs(folder: Path) -> dict[str, object]:
    """Per folder: the share of pictures that are refused, of those that can be read."""
    classifier = Classifier()
    found: dict[str, object] = {}
    total = [0, 0]
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in below.rglob("*") if path.suffix.lower() in PICTURES)
        if not files:
            continue
        results = [result for result in classifier.classify(files) if not result.error]
        refused = sum(bool(result.refused) for result in results)
        found[below.name] = share(refused, len(results))
        total = [total[0] + refused, total[1] + len(results)]
    return {"folders": found, "all": share(*total)}


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown."""

    def row(name: str, figure: dict[str, Any]) -> str:
        low, high = figure["interval95"]
        return f"| {name} | {figure['value']:.2%} | {low:.2%} to {high:.2%} | {figure['of']:,} |"

    lines = ["| drawings of another seed | share | 95% interval | drawings |", "| --- | --- | --- | --- |"]
    lines += [row(ROWS[name], figure) for name, figure in results["drawings"].items()]
    lines += ["", "| one trait changed in the drawing | share | 95% interval | pairs |", "| --- | --- | --- | --- |"]
    lines += [row(FELL[name], figure) for name, figure in results["faithfulness"].items()]
    if "photographs_refused" in results:
        lines += ["", "| photographs | refused | 95% interval | photographs |", "| --- | --- | --- | --- |"]
        folders = {**results["photographs_refused"]["folders"], "**all**": results["photographs_refused"]["all"]}
        lines += [row(name, figure) for name, figure in folders.items()]
    machine = results["machine"]
    measured = f"{machine['processor']}, {machine['cores']} cores; `{results['command']}`"
    lines += ["", f"Model {results['model']['revision']}; {measured}."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, help="a folder of folders of photographs")
    options = parser.parse_args()
    truth = [species.name for species in load_species() for _ in range(PER_SPECIES)]
    classifier = Classifier()
    family_of = {
        t.name: t.at("family") for t in map(classifier.taxonomy.class_taxon, range(classifier.taxonomy.n_classes))
    }
    families = [family_of[name] for name in truth]
    taxonomic = named()
    results: dict[str, Any] = {
        "about": "drawings of the field guide's species, of another seed than any trained on; refused ones are errors",
        "command": "python benchmarks/field_guide/evaluate.py --photographs FOLDER",
        "model": {"revision": classifier.provenance.revision, "species": len(load_species())},
        "machine": describe(),
        "drawings": {
            "species_top1_taxonomic": agreement(taxonomic, truth),
            "species_top1_common": agreement(named(text="common"), truth),
            "species_top1_descriptors": agreement(named(plugins=["descriptors"]), truth),
            "species_top1_named_descriptors": agreement(named(text="descriptors:style=has"), truth),
            "family_by_rollup": agreement(named(plugins=["rollup"], rank="family"), families),
            "family_by_rollup_descriptors": agreement(
                named(plugins=["descriptors", "rollup"], rank="family"), families
            ),
            "refused": share(taxonomic.count(""), len(truth)),
        },
    }
    results["faithfulness"] = faithfulness()
    if options.photographs:
        results["photographs_refused"] = photographs(options.photographs)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(
        json.dumps(
            {key: results[key] for key in ("drawings", "faithfulness", "photographs_refused") if key in results},
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
