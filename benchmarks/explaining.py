"""What explanations cost: drawings named and explained, against the same drawings only named.

The field guide with its descriptors, the smallest model that there is: with a larger one, naming takes longer and
explaining does not. The drawings are in memory, so nothing is hidden behind the reading of files. Without heat maps.
"""

from __future__ import annotations

from functools import partial

from figures import Agreement, Figure, Sides, Target, by_turns, seconds
from PIL.Image import Image

from bioclip_x import Classifier
from bioclip_x.records import Result
from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import load_species

ROUNDS = 15
TARGET = Target("at most", 1.2)
PICTURES = 256


def measure(rounds: int) -> dict[str, Figure]:
    names = [species.name for species in load_species()]
    drawings = [draw_species(names[i % len(names)], (11, i)).image for i in range(PICTURES)]
    explaining, naming = (Classifier(plugins=["descriptors"], explain=wanted) for wanted in (True, False))
    ours, peers = partial(_named, explaining, drawings), partial(_named, naming, drawings)
    with_why, without = ours(), peers()
    difference = max(
        abs(one.predictions[0].probability - other.predictions[0].probability)
        for one, other in zip(with_why, without, strict=True)
        if one.predictions
    )
    assert all(result.explanation for result in with_why if result.predictions)
    sides = Sides("named and explained", "only named", "s")
    samples = by_turns(partial(seconds, ours), partial(seconds, peers), rounds)
    return {f"{PICTURES} drawings of the field guide": Figure(sides, TARGET, samples, Agreement(difference))}


def _named(classifier: Classifier, drawings: list[Image]) -> list[Result]:
    return list(classifier.classify(drawings))
