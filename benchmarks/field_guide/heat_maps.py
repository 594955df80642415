"""Whether a descriptor's heat map lies on what the descriptor speaks of: the renderer knows every trait's pixels.

    python benchmarks/field_guide/heat_maps.py

Of each map the share of its positive values that lies on the trait's pixels, against the share of the image that these
are, against the map of another trait's phrase (one whose pixels are elsewhere), and against the plain way to make maps: the
last states of the patch tokens, projected. Drawings of seeds that nothing was trained or fitted on.
Writes benchmarks/results/field_guide_heat_maps.json, and its table into docs/heat-maps.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from intervals import RESAMPLES, share
from machine import describe

from bioclip_x import Classifier
from bioclip_x.explain.heat_maps import compute_seen_box
from bioclip_x.hooks.components import PatchEncoder
from bioclip_x_field_guide.drawing import Drawing, draw_species
from bioclip_x_field_guide.species import Species, list_descriptors, list_phrases, load_species

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "field_guide_heat_maps.json"
PAGE = ROOT / "docs" / "heat-maps.md"
BEGIN, END = "<!-- figures: written by benchmarks/field_guide/heat_maps.py -->", "<!-- end of figures -->"

SEED: Final = 2031
DRAWINGS: Final = 300
SIZE: Final = 256
EDGE: Final = 0.1
"""The part of a mask that may also be another's: a pixel on the edge of two parts of an organism is of both."""
Maps = Callable[[torch.Tensor], torch.Tensor]
"""Pixels [1, 3, H, W] → parts of the unit embedding [h, w, D]."""


@dataclass(frozen=True, slots=True)
class Case:
    """One trait in one drawing. Shares of positive values on its pixels: of its phrase's map, of another trait's phrase's,
    of its phrase's map made the plain way; and the pixels' share of the image."""

    species: str
    is_held_out: bool
    trait: str
    own: float
    other: float
    plain: float
    area: float


def drawn() -> Iterator[tuple[Species, Drawing]]:
    """All species in turn, until there are enough drawings."""
    species = load_species()
    for number in range(DRAWINGS):
        one = species[number % len(species)]
        yield one, draw_species(one.name, (SEED, number), SIZE)


def cover(mask: np.ndarray, high: int, wide: int) -> np.ndarray:
    """How much of each patch a mask covers: bool [SIZE, SIZE] → float [h, w]. The model sees the whole drawing."""
    shares: np.ndarray = mask.reshape(high, SIZE // high, wide, SIZE // wide).mean((1, 3))
    return shares


def mass_on(values_hw: np.ndarray, cover_hw: np.ndarray) -> float:
    """The share of a map's positive values on covered ground, each patch's spread evenly over it; 0 of a map without any."""
    positive_hw = values_hw.clip(0)
    return float((positive_hw * cover_hw).sum() / positive_hw.sum()) if positive_hw.any() else 0.0


def are_apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two masks have no more in common than the pixels on the edge of both."""
    return bool((one & other).sum() <= EDGE * min(one.sum(), other.sum()))


def cases(species: Species, drawing: Drawing, maps: Mapping[str, np.ndarray], said: Sequence[str]) -> Iterator[Case]:
    """maps: "parts" and "plain", [P, h, w] of the phrases `said`."""
    rng = np.random.default_rng((SEED, len(said), int(drawing.masks["organism"].sum())))
    spoken = {trait: list_phrases(species.plan, trait, value)[0] for trait, value in species.traits.items()}
    seen = {trait: said.index(p) for trait, p in spoken.items() if p in said and trait in drawing.masks}
    high, wide = maps["parts"].shape[1:]
    for trait, phrase in seen.items():
        mask = drawing.masks[trait]
        apart = [p for other, p in seen.items() if are_apart(drawing.masks[other], mask)]
        if not apart:
            continue
        on = cover(mask, high, wide)
        yield Case(
            species.name, species.held_out, f"{species.plan}: {trait}",
            own=mass_on(maps["parts"][phrase], on),
            other=mass_on(maps["parts"][int(rng.choice(apart))], on),
            plain=mass_on(maps["plain"][phrase], on),
            area=float(on.mean()),
        )  # fmt: skip


def plain_maps(encoder: Any) -> Maps:
    """The last states of open_clip's patch tokens, each projected as the embedding is, scaled to sum to a unit vector."""
    visual = encoder.loaded.model.visual

    def parts(pixels_13HW: torch.Tensor) -> torch.Tensor:
        found = visual.forward_intermediates(
            pixels_13HW, indices=1, normalize_intermediates=True, intermediates_only=True
        )
        parts_hwD = found["image_intermediates"][-1][0].permute(1, 2, 0) @ visual.proj
        return parts_hwD / parts_hwD.sum((0, 1)).norm()

    return parts


@torch.inference_mode()
def all_cases(encoder: PatchEncoder) -> list[Case]:
    assert compute_seen_box(encoder.card.preprocessing, SIZE, SIZE) == (0, 0, 1, 1)
    ways: dict[str, Maps] = {
        "parts": lambda pixels: encoder.encode_patches(pixels).parts_BhwD[0],
        "plain": plain_maps(encoder),
    }
    found = []
    for species, drawing in drawn():
        said = list_descriptors(species)
        texts_PD = encoder.encode_texts(said)
        pixels = encoder.preprocess(drawing.image)[None]
        maps = {way: torch.einsum("hwd,pd->phw", parts(pixels), texts_PD).numpy() for way, parts in ways.items()}
        found += cases(species, drawing, maps, said)
    return found


def times(over: Sequence[float], under: Sequence[float], group: Sequence[str]) -> dict[str, Any]:
    """The ratio of two means, and its 95% percentile interval with whole species drawn anew (cluster bootstrap)."""
    _, place = np.unique(group, return_inverse=True)
    over_G, under_G = np.bincount(place, over), np.bincount(place, under)
    drawn_RG = np.random.default_rng(0).integers(len(over_G), size=(RESAMPLES, len(over_G)))
    ratios_R = over_G[drawn_RG].sum(1) / under_G[drawn_RG].sum(1)
    interval = [round(float(edge), 3) for edge in np.quantile(ratios_R, (0.025, 0.975))]
    return {"value": round(float(over_G.sum() / under_G.sum()), 3), "interval95_species": interval}


def figures(some: Sequence[Case]) -> dict[str, Any]:
    """Of some cases: mean shares, their ratios, and how often a map does better than chance and than another's."""
    species = [case.species for case in some]
    mean = {name: [getattr(case, name) for case in some] for name in ("own", "other", "plain", "area")}
    return {
        "cases": len(some),
        "species": len(set(species)),
        "mean": {name: round(float(np.mean(values)), 4) for name, values in mean.items()},
        "times_chance": {name: times(mean[name], mean["area"], species) for name in ("own", "other", "plain")},
        "times_other": times(mean["own"], mean["other"], species),
        "above_chance": share([case.own > case.area for case in some], species),
        "above_other": share([case.own > case.other for case in some], species),
    }


def measure() -> dict[str, Any]:
    classifier = Classifier()
    found = all_cases(classifier.encoder)  # type: ignore[arg-type]
    return {
        "about": "the share of a heat map's positive values on the pixels of the trait that the phrase speaks of",
        "command": "python benchmarks/field_guide/heat_maps.py",
        "model": {"revision": classifier.provenance.revision},
        "machine": describe(),
        "drawings": DRAWINGS,
        "trained_on": figures([case for case in found if not case.is_held_out]),
        "never_drawn": figures([case for case in found if case.is_held_out]),
    }


def table(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    groups = {"trained_on": "species trained on", "never_drawn": "species never drawn"}
    head = ["", *(f"{words} ({results[group]['species']})" for group, words in groups.items())]
    lines = [
        ("traits looked at", lambda one: f"{one['cases']:,}"),
        ("their share of the image: chance", lambda one: f"{one['mean']['area']:.1%}"),
        ("of the map's positive values on the trait", lambda one: f"{one['mean']['own']:.1%}"),
        ("the same, of another trait's map", lambda one: f"{one['mean']['other']:.1%}"),
        ("the same, of a map of the last states alone", lambda one: f"{one['mean']['plain']:.1%}"),
        ("times chance", lambda one: _ratio(one["times_chance"]["own"])),
        ("times chance, another trait's map", lambda one: _ratio(one["times_chance"]["other"])),
        ("times chance, last states alone", lambda one: _ratio(one["times_chance"]["plain"])),
        ("times another trait's map", lambda one: _ratio(one["times_other"])),
        ("traits where the map does better than chance", lambda one: _share(one["above_chance"])),
        ("traits where it does better than another trait's", lambda one: _share(one["above_other"])),
    ]  # fmt: skip
    rows = [[words, *(tell(results[group]) for group in groups)] for words, tell in lines]
    rule = ["---", *("---:" for _ in groups)]
    return "\n".join(
        [
            *(f"| {' | '.join(row)} |" for row in (head, rule, *rows)),
            "",
            f"{results['drawings']} drawings, model {results['model']['revision']}. In brackets 95% intervals over species.",
        ]
    )


def _ratio(one: Mapping[str, Any]) -> str:
    low, high = one["interval95_species"]
    return f"{one['value']:.2f} ({low:.2f}–{high:.2f})"


def _share(one: Mapping[str, Any]) -> str:
    low, high = one["interval95_species"]
    return f"{one['value']:.1%} ({low:.1%}–{high:.1%})"


def main() -> None:
    results = measure()
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
