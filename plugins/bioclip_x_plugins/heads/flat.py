"""The plain CLIP decision: the class with the largest share."""

from __future__ import annotations

from bioclip_x.records import Logits, Scores
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.rollup import roll_up


class Flat:
    """A softmax over the classes. Shares up the tree are summed for the path shown, but no other rank is decided."""

    is_softmax = True

    def decide(self, logits: Logits, taxonomy: Taxonomy) -> Scores:
        """Log-shares of the held nodes, and the best classes."""
        return roll_up(logits, taxonomy)
