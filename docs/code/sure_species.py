"""The head `sure-species`: the species where it is sure, else the genus."""

from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field

from bioclip_x.plugin import ComponentSpec, HeadCapabilities, HeadInput, Scores, Taxonomy, hookimpl, roll_up


@hookimpl
def heads() -> list[ComponentSpec]:
    return [ComponentSpec("sure-species", "the species where it is sure, else the genus", f"{__name__}:SureSpecies")]


class SureSpecies:
    """Names the best class, or the taxon above it where the class's share is too small.

    threshold: the least share of a class that is named.
    """

    capabilities = HeadCapabilities(chooses_depth=True)

    def __init__(self, threshold: Annotated[float, Field(gt=0, le=1)] = 0.9) -> None:
        self.threshold = threshold

    def decide(self, given: HeadInput) -> Scores:
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        return replace(scores, nodes_B=choose(scores, given.taxonomy, self.threshold))
