"""The standard CLIP decision: the most probable class."""

from __future__ import annotations

from bioclip_x.plugin import HeadCapabilities, HeadInput, Scores, roll_up


class Flat:
    """A softmax over the classes. Probabilities are summed up the tree for the path, but only classes are reported."""

    capabilities = HeadCapabilities(any_device=True)

    def decide(self, given: HeadInput) -> Scores:
        """Returns log-probabilities of the held nodes, and the best classes."""
        return roll_up(given.logits, given.taxonomy, n_best=given.n_best)
