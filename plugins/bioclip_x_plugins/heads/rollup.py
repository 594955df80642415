"""Hierarchical rollup: the probability of a taxon is the sum of those of the classes below it.

Sums favour large clades: one species with logit +2 against 300 species of another family with logit 0 has a probability of
0.024, so its family loses. This follows from the probabilities; but if the class list does not reflect what is to be
expected, a prior over taxa is more appropriate:

    rollup:size_prior=family    logit_c - log n(family of c), n the number of listed classes

All families then have the same prior weight, regardless of the number of listed species.
"""

from __future__ import annotations

import numpy as np
import torch

from bioclip_x.plugin import HeadCapabilities, HeadInput, Scores, Taxonomy, roll_up
from bioclip_x_plugins.heads.rank_nodes import find_rank_nodes


class Rollup:
    """A softmax over the classes, summed up the tree, with a winner at every rank that has a table.

    size_prior: a rank at which all taxa have the same prior weight, regardless of the number of classes below them.
    """

    def __init__(self, *, size_prior: str | None = None) -> None:
        self.size_prior = size_prior

    @property
    def capabilities(self) -> HeadCapabilities:
        """With a size prior, probabilities are not the softmax of the class logits."""
        return HeadCapabilities(is_softmax=self.size_prior is None, any_device=True)

    def decide(self, given: HeadInput) -> Scores:
        """Returns log-probabilities of the held nodes, the best classes, and the ranks."""
        logits, taxonomy = given.logits, given.taxonomy
        if self.size_prior:
            prior_C = compute_size_prior(taxonomy, self.size_prior)
            logits = logits.map(lambda start, stop, part_cB: part_cB.add_(prior_C[start:stop, None].to(part_cB.device)))
        return roll_up(logits, taxonomy, tuple(taxonomy.rank_tables), n_best=given.n_best)


def compute_size_prior(taxonomy: Taxonomy, rank: str) -> torch.Tensor:
    """Computes -log of the number of classes in each class's taxon at `rank`: float32 [C].

    Raises RecipeError for a rank that the taxonomy has no table for.
    """
    nodes, of_class = find_rank_nodes(taxonomy, rank, "size_prior")
    sizes = np.bincount(of_class, minlength=len(nodes))
    return torch.from_numpy(-np.log(sizes[of_class]).astype(np.float32))
