"""The head `common`: `bioclip-x classify --head common:ratio=0.1`.

Legend: B images, c classes of a part.
"""

import math
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field

from bioclip_x.plugin import HeadCapabilities, HeadInput, Scores, Taxonomy, roll_up


class Common:
    """Reports the lowest taxon that contains every likely class.

    ratio: a class is likely if its share is at least this part of the best one's.
    """

    capabilities = HeadCapabilities(chooses_rank=True)

    def __init__(self, ratio: Annotated[float, Field(gt=0, le=1)] = 0.2) -> None:
        self.ratio = ratio

    def decide(self, given: HeadInput) -> Scores:
        """Returns the softmax summed up the tree, and one node per image, of any rank."""
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        nodes = [find_common(given.taxonomy, *span) for span in self._find_spans(given)]
        reported_BK = torch.tensor(nodes, dtype=torch.int64).reshape(-1, 1)
        return replace(scores, reported_BK=reported_BK, n_tied_B=torch.ones(len(nodes), dtype=torch.int64))

    def _find_spans(self, given: HeadInput) -> list[tuple[int, int]]:
        """Returns the first and the last likely class of each image.

        Classes stand in depth-first order, so that these two have the same taxon in common as all likely ones. There may be a
        million classes: their logits are computed in parts, and never held at once.
        """
        best_B = torch.full((given.logits.n_images,), -math.inf)
        for _, part_cB in given.logits.chunks():
            best_B = torch.maximum(best_B, part_cB.amax(0))
        first_B = torch.full(best_B.shape, given.logits.n_classes)
        last_B = torch.full(best_B.shape, -1)
        for start, part_cB in given.logits.chunks():
            class_c1 = torch.arange(start, start + len(part_cB))[:, None]
            # A difference of logits is the logarithm of a ratio of shares.
            is_likely_cB = (part_cB >= best_B + math.log(self.ratio)) & part_cB.isfinite()
            first_B = torch.minimum(first_B, class_c1.where(is_likely_cB, given.logits.n_classes).amin(0))
            last_B = torch.maximum(last_B, class_c1.where(is_likely_cB, -1).amax(0))
        return list(zip(first_B.tolist(), last_B.tolist()))


def find_common(taxonomy: Taxonomy, first: int, last: int) -> int:
    """Returns the lowest node that contains two classes; -1 for none, where every class is excluded."""
    if last < 0:
        return -1
    node = int(taxonomy.leaf_node_C[first])
    while taxonomy.leaf_stop_N[node] <= last:  # the classes below a node are a range
        node = int(taxonomy.parent_N[node])
    return taxonomy.owner(node)  # of a node that only fills a gap in a lineage, the taxon above
