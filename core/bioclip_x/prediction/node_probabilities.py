"""Log-probabilities of one image by node of the tree."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.records import Scores
from bioclip_x.taxonomy import Taxonomy


class NodeProbabilities:
    """The log-probabilities of one image, for the held nodes and the best classes.

    best: the best classes, best first. log_of_class: best class → its log-probability.
    """

    def __init__(self, taxonomy: Taxonomy, scores: Scores, row: int) -> None:
        self._taxonomy = taxonomy
        self._log_probs_I = scores.log_probs_BI[row]
        self.best = scores.top_BK[row].tolist()
        self.log_of_class = dict(zip(self.best, scores.log_top_BK[row].tolist()))

    def log(self, node: int) -> float:
        place = int(self._taxonomy.place_N[node])
        if place >= 0:
            return float(self._log_probs_I[place])
        return float(self.log_of_class[int(self._taxonomy.leaf_start_N[node])])

    def probability(self, node: int) -> float:
        return min(1.0, math.exp(self.log(node)))

    def logs(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns the log-probabilities of held nodes. places: their indices among the held nodes."""
        log_probs: npt.NDArray[np.float32] = self._log_probs_I[torch.from_numpy(places)].numpy()
        return log_probs
