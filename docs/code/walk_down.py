"""The head `walk-down`: from the root to the likeliest child, as long as that has the share that is asked for."""

from dataclasses import replace
from math import log
from typing import Annotated

import torch
from bioclip_x.plugin import ComponentSpec, HeadCapabilities, HeadInput, Scores, Taxonomy, hookimpl, roll_up
from pydantic import Field


@hookimpl
def heads() -> list[ComponentSpec]:
    return [ComponentSpec("walk-down", "from the root down while shares are large", f"{__name__}:WalkDown")]


class WalkDown:
    """Goes down to the likeliest child. threshold: the least share of a taxon that is named."""

    capabilities = HeadCapabilities(chooses_rank=True)

    def __init__(self, threshold: Annotated[float, Field(gt=0, le=1)] = 0.5) -> None:
        self.threshold = threshold

    def decide(self, given: HeadInput) -> Scores:
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        nodes = [self.walk(given.taxonomy, log_probs_I) for log_probs_I in scores.log_probs_BI]
        return replace(scores, reported_BK=torch.tensor(nodes, dtype=torch.int64).reshape(-1, 1))

    def walk(self, tree: Taxonomy, log_probs_I: torch.Tensor) -> int:
        """Returns the node to report: the root where no child is likely enough."""
        node = 0
        # `place_N` finds a node among those whose probabilities are held: all, in a tree of up to 65,536 nodes. In a larger
        # one the best classes have theirs in `log_top_BK`.
        while children := [child for child in tree.children(node) if tree.place_N[child] >= 0]:
            best = max(children, key=lambda child: float(log_probs_I[tree.place_N[child]]))
            if log_probs_I[tree.place_N[best]] < log(self.threshold):
                break
            node = best
        return tree.owner(node)  # a hole or a self leaf stands for a taxon
