"""The head `sure-species`: the species where it is sure, else the genus."""

from dataclasses import replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from bioclip_x.plugin import ComponentSpec, HeadCapabilities, HeadInput, Scores, Taxonomy, hookimpl, roll_up
from pydantic import Field

bioclip_x_api = 1


@hookimpl
def heads() -> list[ComponentSpec]:
    return [ComponentSpec("sure-species", "the species where it is sure, else the genus", f"{__name__}:SureSpecies")]


class SureSpecies:
    """Names the best class, or the taxon above it where the class's share is too small.

    threshold: the least share of a class that is named.
    """

    # Users may not ask for another rank; a calibration's temperature applies, since the shares are a softmax.
    capabilities = HeadCapabilities(chooses_rank=True)

    def __init__(self, threshold: Annotated[float, Field(gt=0, le=1)] = 0.9) -> None:
        self.threshold = threshold

    def decide(self, given: HeadInput) -> Scores:
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        nodes_B = choose(scores, given.taxonomy, self.threshold)
        return replace(scores, reported_BK=torch.from_numpy(nodes_B)[:, None])


def choose(scores: Scores, taxonomy: Taxonomy, threshold: float) -> npt.NDArray[np.int64]:
    """Returns the node to report for each image: [B]."""
    leaf_B = taxonomy.leaf_node_C[scores.top_BK[:, 0].numpy()].astype(np.int64)
    above_B = taxonomy.owner_N[taxonomy.parent_N[leaf_B]]  # a rank that a lineage lacks is no taxon
    is_sure_B = scores.log_top_BK[:, 0].exp().numpy() >= threshold
    nodes_B: npt.NDArray[np.int64] = np.where(is_sure_B, taxonomy.owner_N[leaf_B], above_B).astype(np.int64)
    return nodes_B
