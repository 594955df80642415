"""How well the embedded model names fresh drawings: of species it was trained on, and of species it has never seen.

Through the public `Classifier`, as a user would run it, among all classes; a drawing that the gate refuses is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from intervals import share
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.records import Result
from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import Species, list_held_out_species, list_trained_species, load_species

SEED = 2028
PER_SPECIES = {"trained_on": 20, "never_drawn": 40}
SPECIES: dict[str, tuple[Species, ...]] = {"trained_on": list_trained_species(), "never_drawn": list_held_out_species()}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "taxonomic": ("`--text taxonomic`: kingdom to species", {}),
    "common": ("`--text common`: names only", {"text": "common"}),
    "descriptors": ("`--plugin descriptors`: bare phrases, no name in them", {"plugins": ["descriptors"]}),
    "swapped": ("`--text swapped`: another species' bare phrases", {"text": "swapped"}),
    "random_words": (
        "`--text random-words:style=bare`: words that mean nothing",
        {"text": "random-words:style=bare"},
    ),
    "named_descriptors": ("`--text descriptors:style=has`: name and phrase", {"text": "descriptors:style=has"}),
    "named_swapped": ("`--text swapped:style=has`: name and another's phrase", {"text": "swapped:style=has"}),
    "named_random_words": (
        "`--text random-words:style=has`: name and random words",
        {"text": "random-words:style=has"},
    ),
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "family": ("family, `--plugin rollup --rank family`", {"plugins": ["rollup"], "rank": "family"}),
    "family_descriptors": (
        "family, the same with `--plugin descriptors`",
        {"plugins": ["descriptors", "rollup"], "rank": "family"},
    ),
}


@cache
def drawings(group: str) -> tuple[tuple[str, Image.Image], ...]:
    """(species, drawing), of a seed that nothing was trained or fitted on."""
    place = {species.name: s for s, species in enumerate(load_species())}
    return tuple(
        (species.name, draw_species(species.name, (SEED, place[species.name], k), 256).image)
        for species in SPECIES[group]
        for k in range(PER_SPECIES[group])
    )


def named(group: str, **recipe: Any) -> list[Result]:
    return list(Classifier(**recipe).classify([image for _, image in drawings(group)]))


def best(result: Result) -> str:
    """The best name, "" where the image was refused."""
    return result.predictions[0].taxon.name if result.predictions else ""


def figures(group: str, family_of: dict[str, str]) -> dict[str, Any]:
    """Top-1 by every kind of text, family by rollup, and the share refused, of one group of species."""
    truth = [name for name, _ in drawings(group)]
    found: dict[str, Any] = {}
    for way, (_, recipe) in WAYS.items():
        results = named(group, **recipe)
        found[way] = share([best(result) == name for result, name in zip(results, truth)], truth)
    for way, (_, recipe) in FAMILIES.items():
        results = named(group, **recipe)
        found[way] = share([best(result) == family_of[name] for result, name in zip(results, truth)], truth)
    found["refused"] = share([bool(result.refused) for result in results], truth)
    return found


def families(names: Sequence[str], classifier: Classifier) -> dict[str, str]:
    """Species → family."""
    taxonomy = classifier.taxonomy
    taxa = (taxonomy.class_taxon(c) for c in range(taxonomy.n_classes))
    return {taxon.name: taxon.at("family") for taxon in taxa if taxon.name in set(names)}
