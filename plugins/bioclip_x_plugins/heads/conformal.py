"""Reports as many taxa as are needed to contain the true class with a given probability: split conformal prediction."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field

from bioclip_x.plugin import (
    CalibratedSets,
    HeadCapabilities,
    HeadInput,
    RecipeError,
    Scores,
    find_clades,
    roll_up,
    roll_up_sets,
)


class Conformal:
    """Reports, per image, a set of classes, or the smallest clade, that contains the true class with probability `coverage`.

    coverage: on average over images like those of the calibration. sets: "classes" or "clade". score: by which classes are in
        a set: "lac" for the smallest sets on average, "aps" for sets that are larger where the image is difficult.
    threshold: of the score; `bioclip-x calibrate` determines it for a coverage.

    Raises RecipeError for a score together with clades, which have their own.
    """

    def __init__(
        self,
        coverage: Annotated[float, Field(gt=0, lt=1)] = 0.9,
        *,
        sets: Literal["classes", "clade"] = "classes",
        score: Literal["lac", "aps"] | None = None,
        threshold: Annotated[float, Field(ge=0)] | None = None,
    ) -> None:
        if sets == "clade" and score is not None:
            raise RecipeError(f"conformal: clades have a score of their own; leave out score={score}")
        self.coverage, self.threshold = coverage, threshold
        self.score: Literal["lac", "aps", "clade"] = "clade" if sets == "clade" else score or "lac"

    @property
    def capabilities(self) -> HeadCapabilities:
        """The threshold depends on score and coverage."""
        return HeadCapabilities(chooses_rank=True, sets=CalibratedSets(self.score, self.coverage, "threshold"))

    def decide(self, given: HeadInput) -> Scores:
        """Returns the probabilities of `rollup`, and each image's set as `reported_BK`, [B, K].

        Raises RecipeError without a threshold.
        """
        if self.threshold is None:
            raise RecipeError(
                f"the head 'conformal' needs a calibration for its coverage of {self.coverage:g}: run `bioclip-x calibrate "
                f"LABELLED_IMAGES --coverage {self.coverage:g}`, and do not set --calibration none"
            )
        if self.score != "clade":
            return roll_up_sets(given.logits, given.taxonomy, self.score, self.threshold, given.n_best)
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        clade_B = find_clades(scores, given.taxonomy, self.threshold)
        return replace(scores, reported_BK=torch.from_numpy(clade_B)[:, None])
