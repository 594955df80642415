"""Reports each image at the most specific sufficiently probable rank: Deng et al., Hedging Your Bets, CVPR 2012."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

import torch
from pydantic import Field

from bioclip_x.plugin import (
    HeadCapabilities,
    HeadInput,
    RecipeError,
    Scores,
    compute_bets,
    count_tied_nodes,
    roll_up,
    select_best_bet,
    select_most_specific,
)

DEFAULT: Final = 0.8


class Hedge:
    """Reports one node per image, of any rank, as specific as its probability permits.

    threshold: report the most specific node with at least this probability (0.8 unless `lambda_` is given).
    lambda_: report the node with the largest (information + λ)·probability instead; `bioclip-x calibrate` determines the λ
        for an accuracy.

    Raises RecipeError if both are given.
    """

    capabilities = HeadCapabilities(chooses_rank=True, depth_option="lambda_", any_device=True)

    def __init__(
        self,
        threshold: Annotated[float, Field(gt=0, le=1)] | None = None,
        *,
        lambda_: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None,
    ) -> None:
        if threshold is not None and lambda_ is not None:
            raise RecipeError(
                f"hedge decides by a threshold or by a lambda_, not by both; got {threshold} and {lambda_}: leave out one"
            )
        self.threshold, self.lambda_ = threshold, lambda_

    def decide(self, given: HeadInput) -> Scores:
        """Returns the probabilities of `rollup`, and each image's node as `reported_BK`, [B, 1]."""
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        bets = compute_bets(scores, given.taxonomy)
        if self.lambda_ is None:
            nodes_B = select_most_specific(bets, DEFAULT if self.threshold is None else self.threshold)
        else:
            nodes_B = select_best_bet(bets, self.lambda_)
        n_tied_B = torch.from_numpy(count_tied_nodes(nodes_B, scores, given.taxonomy))
        return replace(scores, reported_BK=torch.from_numpy(nodes_B)[:, None], n_tied_B=n_tied_B)
