"""A head in ten lines."""

import torch

from bioclip_x.records import Logits, Scores
from bioclip_x.taxonomy import Taxonomy, node_log_probs


class Shy:
    """A softmax at a higher temperature."""

    def __init__(self, *, temperature: float = 2.0) -> None:
        self.temperature = temperature

    def decide(self, logits: Logits, taxonomy: Taxonomy) -> Scores:
        return Scores(node_log_probs(torch.log_softmax(logits.logits_BC / self.temperature, dim=1), taxonomy))
