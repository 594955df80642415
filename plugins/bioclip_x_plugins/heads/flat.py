"""The plain CLIP decision: the class with the largest share."""

from __future__ import annotations

import torch

from bioclip_x.records import Logits, Scores
from bioclip_x.taxonomy import Taxonomy, node_log_probs


class Flat:
    """A softmax over the classes. Shares up the tree are summed for the path shown, but no other rank is decided."""

    def decide(self, logits: Logits, taxonomy: Taxonomy) -> Scores:
        """Log-shares, float32 [B, N]."""
        return Scores(node_log_probs(torch.log_softmax(logits.logits_BC, dim=1), taxonomy))
