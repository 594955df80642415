"""Decoded images → results: encoder → scorer and priors → calibration → head → predictions and explanation.

Legend: B images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.explain.explanation import Explainer
from bioclip_x.explain.heat_maps import HeatMapper
from bioclip_x.faults import log_row, naming
from bioclip_x.hooks.capabilities import HeadCapabilities, get_capabilities
from bioclip_x.hooks.components import Head, LoadedEncoder, PatchEncoder, Scorer
from bioclip_x.hooks.returned import check_finite, check_log_probs, check_scores
from bioclip_x.inference.calibration import AppliedCalibration
from bioclip_x.inference.excluded import NONE_LISTED, Named, find_excluded_images
from bioclip_x.inference.scoring import BatchScorer, ScoredBatch
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.prediction.ranking import count_tied_nodes, select_best_at_ranks, select_top_nodes
from bioclip_x.prediction.report import (
    add_tie,
    describe_tie,
    drop_shares,
    explain_undecided,
    make_prediction,
    make_rank_winners,
)
from bioclip_x.records import Decoded, Result, Scores, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.crosswalk import Crosswalk

Classified = tuple[Result, torch.Tensor | None]
"""The result of an image, and its embedding, float32 [D]; None if it has none."""
NODES_AT_A_TIME: Final = 1 << 24
"""Maximum of images × held nodes whose probabilities are in memory at once (about eight bytes each)."""


@dataclass(frozen=True, eq=False)
class BatchClassifier:
    """Classifies decoded images.

    may_exclude: whether the scorer may give -inf to all classes of an image.
    reportable: the nodes that may be reported, None for the classes. k: predictions per image. n_best: number of best
    classes requested from the head. explainer: None for no explanations. heat_mapper: None for no heat maps.
    crosswalk: to another taxonomy whose names are reported, if any.
    """

    taxonomy: Taxonomy
    encoder: LoadedEncoder
    scorer: BatchScorer
    head: Head
    may_exclude: bool
    calibration: AppliedCalibration
    reportable: npt.NDArray[np.int64] | None
    k: int
    n_best: int
    explainer: Explainer | None = None
    heat_mapper: HeatMapper | None = None
    crosswalk: Crosswalk | None = None

    def classify(self, batch: Sequence[Decoded]) -> Iterator[Result]:
        """Yields one result per image, in order; for an image that could not be decoded, with an error."""
        return (result for result, _ in self.classify_embedded(batch))

    @torch.inference_mode()
    def classify_embedded(self, batch: Sequence[Decoded]) -> Iterator[Classified]:
        """As `classify`, with the embedding of each image, L2-normalised."""
        readable = [one for one in batch if one.pixels is not None]
        rows = max(1, NODES_AT_A_TIME // len(self.taxonomy.held_nodes))  # few for large trees
        parts = (readable[start : start + rows] for start in range(0, len(readable), rows))
        classified = chain.from_iterable(map(self._classify_or_divide, parts))
        for one in batch:
            if one.pixels is None:
                blank = Result(one.source.name, error=one.error, notes=one.notes, metadata=one.source.metadata)
                result, embedding_D = blank, None
            else:
                result, embedding_D = next(classified)
            yield self.crosswalk.report(result) if self.crosswalk else result, embedding_D

    def _classify_or_divide(self, batch: Sequence[Decoded]) -> list[Classified]:
        """Classifies a batch; if a component fails, image by image, so that only those at which it fails have an error."""
        try:
            return self._classify_readable(batch)
        except (ComponentError, ImageError) as problem:
            if len(batch) > 1:
                return [result for one in batch for result in self._classify_or_divide([one])]
            log_row(problem)
            [one] = batch
            return [(replace(_make_result(one, ()), error=str(problem), thumbnail=None), None)]

    def vary(
        self,
        *,
        bank: TextBank | None = None,
        scorer: Scorer | None = None,
        asked: int | None = None,
        encoder: LoadedEncoder | None = None,
    ) -> BatchClassifier:
        """Returns one that differs in its texts, in the taxon that explanations compare with, or in its encoder.

        bank: of the same model and classes. scorer: made with the same options, for use beside this one: a scorer may keep
        what it computes of its bank. asked: node to compare with. encoder: of the same model, such as one that knows the
        embeddings already.
        """
        heat_mapper = self.heat_mapper and replace(
            self.heat_mapper,
            bank=bank or self.scorer.bank,
            encoder=self.heat_mapper.encoder if encoder is None else cast(PatchEncoder, encoder),
        )
        scorer = scorer or self.scorer.scorer
        explainer = self.explainer and replace(
            self.explainer,
            bank=bank or self.scorer.bank,
            scorer=scorer,
            asked=self.explainer.asked if asked is None else asked,
        )
        batch_scorer = replace(self.scorer, bank=bank or self.scorer.bank, scorer=scorer)
        return replace(
            self,
            scorer=batch_scorer,
            explainer=explainer,
            heat_mapper=heat_mapper,
            encoder=encoder or self.encoder,
        )

    def decide(self, scored: ScoredBatch, images: Sequence[str]) -> tuple[Scores, list[bool]]:
        """Returns the head's scores, and for each image whether no class is left.

        Raises PluginError for scores of a wrong form, and for wrong numbers: plugins may provide the scorer and the head.

        images: their names.
        """
        any_device = get_capabilities(self.head, HeadCapabilities).any_device
        head_input = scored.make_head_input(self.taxonomy, self.n_best, any_device=any_device)
        with naming(self.head, "decide"):
            scores = self.head.decide(head_input)
        check_scores(self.head, scores, head_input.logits.n_images, self.taxonomy)
        named = Named(self.scorer.scorer, self.head, images, may_exclude=self.may_exclude)
        is_excluded_B = find_excluded_images(
            scores, scored.logits, scored.computed, named
        )  # first, as it may be the scorer
        check_log_probs(self.head, scores, images, is_excluded_B)
        return scores, is_excluded_B

    def _classify_readable(self, batch: Sequence[Decoded]) -> list[Classified]:
        pixels = [one.pixels for one in batch if one.pixels is not None]
        with naming(self.encoder, "encode_images"):
            features = self.encoder.encode_images(torch.stack(pixels))
        check_finite(self.encoder, features)
        sources = [one.source for one in batch]
        raw = self.scorer.score(features, sources)
        notes_B = self.scorer.adjustments.collect_image_notes(sources)
        scored, peaks = raw.calibrate(self.calibration)
        scores, is_excluded_B = self.decide(scored, [one.source.name for one in batch])
        refused_B = self.calibration.find_refusals(features.refused_B, peaks, raw.logits.cpu(), features.embeddings_BD)
        tree = self.taxonomy
        best_B = select_top_nodes(tree, scores, self.reportable, max(2, self.k))  # the margin needs two
        n_tied_B = count_tied_nodes(tree, scores, self.reportable)
        winners = select_best_at_ranks(tree, scores)
        is_single_B = scored.find_single_class_images()
        results = []
        for row, one in enumerate(batch):
            result = _make_result(one, notes_B[row])
            if refused := NONE_LISTED if is_excluded_B[row] else refused_B[row]:
                results.append(replace(result, refused=refused))
                continue
            probabilities = NodeProbabilities(tree, scores, row)
            winners_of_image = [(rank, nodes[row]) for rank, nodes in winners]
            embedding_D = features.embeddings_BD[row]
            result = self._add_predictions(
                result, scored, row, probabilities, best_B[row], winners_of_image, embedding_D
            )
            result = add_tie(result, describe_tie(int(n_tied_B[row]), scores.top_BK.shape[1], tree.n_classes))
            results.append(drop_shares(result) if is_single_B[row] else result)
        if self.heat_mapper:
            results = self.heat_mapper.add_maps(batch, results)
        return list(zip(results, features.embeddings_BD))

    def _add_predictions(
        self,
        result: Result,
        scored: ScoredBatch,
        row: int,
        probabilities: NodeProbabilities,
        best: Sequence[int],
        winners: Sequence[tuple[str, int]],
        embedding_D: torch.Tensor,
    ) -> Result:
        """Adds predictions to the result; it is refused if the head decides for the root."""
        tree = self.taxonomy
        nodes = [node for node in best if probabilities.log(node) > -math.inf]  # not excluded by an adjustment
        if not nodes or nodes[0] == 0:
            return replace(result, refused=explain_undecided(tree, probabilities))
        explanation = None
        if self.explainer is not None:
            explanation = self.explainer.explain(
                scored.logits.cpu(), scored.offsets, row, probabilities, embedding_D, nodes
            )
        return replace(
            result,
            predictions=tuple(make_prediction(tree, probabilities, node) for node in nodes[: self.k]),
            ranks=make_rank_winners(tree, probabilities, winners, nodes[0]),
            explanation=explanation,
        )


def _make_result(decoded: Decoded, notes: Sequence[str]) -> Result:
    """Makes a result without predictions. notes: of the adjustments."""
    return Result(
        decoded.source.name,
        width=decoded.width,
        height=decoded.height,
        thumbnail=decoded.thumbnail,
        notes=(*decoded.notes, *notes),
        metadata=decoded.source.metadata,
    )
