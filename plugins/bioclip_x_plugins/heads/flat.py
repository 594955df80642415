"""The plain CLIP decision: the class with the largest share."""

from __future__ import annotations

from bioclip_x.plugin import HeadInput, Scores, roll_up


class Flat:
    """A softmax over the classes. Shares up the tree are summed for the path shown, but no other rank is decided."""

    def decide(self, given: HeadInput) -> Scores:
        """Log-shares of the held nodes, and the best classes."""
        return roll_up(given.logits, given.taxonomy, n_best=given.n_best)
