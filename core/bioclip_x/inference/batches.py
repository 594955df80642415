"""Decoded pictures → results: encoder → scorer → priors → calibration → head → predictions and explanation.

Legend: B images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.classes.recipe_classes import Classes
from bioclip_x.components import Head, LoadedEncoder, Scorer
from bioclip_x.errors import PluginError
from bioclip_x.explain.explanation import Explainer
from bioclip_x.explain.heat_maps import HeatMapper
from bioclip_x.inference.calibration import Calibrated
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.prediction.ranking import select_best_at_ranks, select_top_nodes
from bioclip_x.prediction.report import explain_undecided, make_prediction, make_rank_winners
from bioclip_x.recipe import Recipe
from bioclip_x.records import Decoded, ImageFeatures, Logits, Result, Scores, Source, TextBank
from bioclip_x.text_bank.build import ClassTexts

NODES_AT_A_TIME: Final = 1 << 24
"""Shares of pictures times held nodes that there are at once (eight bytes each, and some more)."""
MOST_BEST: Final = 16
"""Best classes of which a head tells the shares, or as many as are asked for: explanations look for a taxon's best class
among them."""


@dataclass(frozen=True, eq=False)
class Decider:
    """All that it takes to name decoded pictures. candidates: the nodes that may be reported, None for the classes.
    explainer: None explains nothing. heat_mapper: None draws no heat maps.
    """

    recipe: Recipe
    classes: Classes
    texts: ClassTexts
    encoder: LoadedEncoder
    scorer: Scorer
    head: Head
    calibrated: Calibrated
    candidates: npt.NDArray[np.int64] | None
    explainer: Explainer | None
    heat_mapper: HeatMapper | None = None

    @torch.inference_mode()
    def results(self, batch: Sequence[Decoded]) -> Iterator[Result]:
        """One for each, in order; one that could not be decoded has an error."""
        readable = [one for one in batch if one.pixels is not None]
        rows = max(1, NODES_AT_A_TIME // len(self.classes.tree.held_nodes))  # few, where the list is the tree of life
        parts = (readable[start : start + rows] for start in range(0, len(readable), rows))
        decided = chain.from_iterable(map(self._decide, parts))
        for one in batch:
            found = Result(one.source.name, error=one.error) if one.pixels is None else next(decided)
            yield self.classes.crosswalk.report(found) if self.classes.crosswalk else found

    def logits(self, features: ImageFeatures, sources: Sequence[Source], bank: TextBank | None = None) -> Logits:
        """The scorer's class logits of some pictures, adjusted, before any calibration. bank: other texts of the classes."""
        named = replace(features, names=tuple(source.name for source in sources))
        card = self.encoder.card
        found = replace(self.scorer.logits(named, bank or self.texts.bank, card), k=max(MOST_BEST, self.recipe.k))
        if self.texts.inner:
            found = replace(found, inner_IB=self.texts.inner.logits(self.scorer, features, card))
        return self.classes.adjustments.of(found, sources)

    def _scores(self, logits: Logits) -> Scores:
        """The head's decision, held against what a head must return: it may be anybody's."""
        scores = self.head.decide(logits, self.classes.tree)
        wanted = (logits.n_images, len(self.classes.tree.held_nodes))
        got = tuple(scores.log_probs_BI.shape) if isinstance(scores, Scores) else type(scores).__name__
        if got != wanted:
            raise PluginError(
                f"the head {self.recipe.head.name!r} must return Scores with log_probs_BI of shape {wanted} (pictures, "
                f"held nodes of the tree); it returned {got}"
            )
        return scores

    def _decide(self, batch: Sequence[Decoded]) -> list[Result]:
        features = self.encoder.encode_images(torch.stack([one.pixels for one in batch if one.pixels is not None]))
        logits, peaks = self.calibrated.applied(self.logits(features, [one.source for one in batch]))
        scores = self._scores(logits)
        refused_B = self.calibrated.refusals(features.refused_B, peaks)
        tree = self.classes.tree
        best_B = select_top_nodes(tree, scores, self.candidates, max(2, self.recipe.k))  # two, for the margin
        winners = select_best_at_ranks(tree, scores)
        results = []
        for row, one in enumerate(batch):
            result = Result(one.source.name, width=one.width, height=one.height, thumbnail=one.thumbnail)
            if refused_B[row]:
                results.append(replace(result, refused=refused_B[row]))
                continue
            shares = NodeProbabilities(tree, scores, row)
            winners_here = [(rank, found[row]) for rank, found in winners]
            named = self._named(result, logits, row, shares, best_B[row], winners_here, features.embeddings_BD[row])
            results.append(named)
        return self.heat_mapper.mapped(batch, results) if self.heat_mapper else results

    def _named(
        self,
        result: Result,
        logits: Logits,
        row: int,
        shares: NodeProbabilities,
        best: Sequence[int],
        winners: Sequence[tuple[str, int]],
        embedding_D: torch.Tensor,
    ) -> Result:
        """The result with its predictions; refused where the root alone can be defended."""
        tree = self.classes.tree
        nodes = [node for node in best if shares.log(node) > -math.inf]  # those that an adjustment left
        if nodes[0] == 0:
            return replace(result, refused=explain_undecided(tree, shares))
        return replace(
            result,
            predictions=tuple(make_prediction(tree, shares, node) for node in nodes[: self.recipe.k]),
            ranks=make_rank_winners(tree, shares, winners, nodes[0]),
            explanation=(
                self.explainer.explain(logits, row, shares, embedding_D, nodes) if self.explainer is not None else None
            ),
        )
