"""The cost of explanations: drawings classified with and without explanations.

The model is the field guide's, the smallest one, with descriptors: with a larger model classification takes longer, explaining
does not. The drawings are in memory, so that reading files does not hide the cost. Heat maps are off.
"""

from __future__ import annotations

from functools import partial

from peers.figures import Agreement, Captions, Figure, Target, measure_alternately, seconds
from PIL.Image import Image

from bioclip_x import Classifier
from bioclip_x.records import Result
from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import load_species

ROUNDS = 15
TARGET = Target("at most", 1.2)
IMAGES = 256


def measure(rounds: int) -> dict[str, Figure]:
    names = [species.name for species in load_species()]
    drawings = [draw_species(names[i % len(names)], (11, i)).image for i in range(IMAGES)]
    with_explanations, without_explanations = (
        Classifier(plugins=["descriptors"], explain=explain) for explain in (True, False)
    )
    explained, plain = (
        partial(_classify, classifier, drawings) for classifier in (with_explanations, without_explanations)
    )
    explained_results, plain_results = explained(), plain()
    difference = max(
        abs(first.predictions[0].probability - second.predictions[0].probability)
        for first, second in zip(explained_results, plain_results, strict=True)
        if first.predictions
    )
    assert all(result.explanation for result in explained_results if result.predictions)
    captions = Captions("classified and explained", "only classified", "s")
    samples = measure_alternately(partial(seconds, explained), partial(seconds, plain), rounds)
    return {f"{IMAGES} drawings of the field guide": Figure(captions, TARGET, samples, Agreement(difference))}


def _classify(classifier: Classifier, drawings: list[Image]) -> list[Result]:
    return list(classifier.classify(drawings))
