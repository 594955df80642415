"""Hierarchical rollup: the share of a taxon is the sum of the shares of the classes below it.

Sums favour large clades: one species at logit +2 against 300 relatives of another family at 0 has a share of 0.024, and
its family loses. That is what the shares say, not a fault of the sum; keep the number of listed classes in mind.
"""

from __future__ import annotations

import torch

from bioclip_x.records import Logits, Scores
from bioclip_x.taxonomy import Taxonomy, node_log_probs


class Rollup:
    """A softmax over the classes, summed up the tree, and a winner at every rank that has a table."""

    def decide(self, logits: Logits, taxonomy: Taxonomy) -> Scores:
        """Log-shares, float32 [B, N]."""
        log_probs_BN = node_log_probs(torch.log_softmax(logits.logits_BC, dim=1), taxonomy)
        return Scores(log_probs_BN, ranks=tuple(taxonomy.rank_tables))
