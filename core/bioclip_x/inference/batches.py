"""Decoded images → results: encoder → scorer and priors → calibration → head → predictions and explanation.

Legend: B images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.events.collecting import EventCollector, Member, find_voters, group_voters
from bioclip_x.events.pooling import Pooling
from bioclip_x.events.votes import add_left_out, add_votes, make_event_result, number_results, refuse_event
from bioclip_x.explain.explanation import Explainer
from bioclip_x.explain.heat_maps import HeatMapper
from bioclip_x.faults import at_hand, log_row, naming
from bioclip_x.hooks.capabilities import HeadCapabilities, get_capabilities
from bioclip_x.hooks.components import Head, LoadedEncoder, PatchEncoder, Scorer
from bioclip_x.hooks.returned import check_finite, check_log_probs, check_scores
from bioclip_x.inference.calibration import AppliedCalibration
from bioclip_x.inference.excluded import NONE_LISTED, Named, find_excluded_images
from bioclip_x.inference.scoring import BatchScorer, ScoredBatch
from bioclip_x.messages import list_some
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
from bioclip_x.records import Decoded, ImageFeatures, Result, Scores, TextBank
from bioclip_x.regions.pooling import pool_masks
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
    crosswalk: to another taxonomy whose names are reported, if any. event_pooling: see `pool_logits`.
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
    event_pooling: Pooling = "product"

    @torch.inference_mode()
    def classify(self, batch: Sequence[Decoded], events: EventCollector | None = None) -> Iterator[Result]:
        """Yields one result per image or region, in order; for one that could not be decoded, with an error.

        events: collects the images of events; the results of an event follow that of its last image.
        """
        for one, (result, embedding_D) in zip(batch, self._classify_in_tree(batch)):
            yield self._report(result)
            if events is not None and (members := events.add(Member(one.source, result, embedding_D))):
                yield from map(self._report, self._decide_event(members))

    @torch.inference_mode()
    def classify_embedded(self, batch: Sequence[Decoded]) -> Iterator[Classified]:
        """As `classify`, without events, with the embedding of each image or region, L2-normalised."""
        return ((self._report(result), embedding_D) for result, embedding_D in self._classify_in_tree(batch))

    @torch.inference_mode()
    def _classify_in_tree(self, batch: Sequence[Decoded]) -> Iterator[Classified]:
        """Yields the results with the names of the tree, also where those of another taxonomy are reported."""
        readable = [one for one in batch if one.pixels is not None]
        rows = max(1, NODES_AT_A_TIME // len(self.taxonomy.held_nodes))  # few for large trees
        parts = (readable[start : start + rows] for start in range(0, len(readable), rows))
        classified = chain.from_iterable(map(self._classify_or_divide, parts))
        for one in batch:
            yield (_make_result(one, ()), None) if one.pixels is None else next(classified)

    def _report(self, result: Result) -> Result:
        return self.crosswalk.report(result) if self.crosswalk else result

    def _classify_or_divide(self, batch: Sequence[Decoded]) -> list[Classified]:
        """Classifies a batch; if a component fails, image by image, so that only those at which it fails have an error."""
        try:
            with at_hand(list_some([one.source.name for one in batch], 1)):
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
        features = self._encode(batch)
        sources = [one.source for one in batch]
        raw = self.scorer.score(features, sources)
        notes_B = self.scorer.adjustments.collect_image_notes(sources)
        scored, peaks = raw.calibrate(self.calibration)

        def find_refusals() -> Sequence[str]:  # the peaks are known when the head has read the logits
            return self.calibration.find_refusals(features.refused_B, peaks, raw.logits.cpu(), features.embeddings_BD)

        blank = [_make_result(one, notes) for one, notes in zip(batch, notes_B)]
        results = [result for result, _ in self._predict(scored, blank, find_refusals, features.embeddings_BD)]
        if self.heat_mapper:
            results = self.heat_mapper.add_maps(batch, results)
        return list(zip(results, features.embeddings_BD))

    def _encode(self, batch: Sequence[Decoded]) -> ImageFeatures:
        """Embeds images. Of one with a mask whose patches are pooled, only the patches within the mask count."""
        pixels_B3HW = torch.stack([one.pixels for one in batch if one.pixels is not None])
        with naming(self.encoder, "encode_images"):
            features = self.encoder.encode_images(pixels_B3HW)
        if any(one.mask_HW is not None for one in batch):
            encoder = cast(PatchEncoder, self.encoder)  # `mask: pool` is refused for others
            features = replace(features, embeddings_BD=pool_masks(encoder, batch, features.embeddings_BD, pixels_B3HW))
        check_finite(self.encoder, features)
        return features

    def _predict(
        self,
        scored: ScoredBatch,
        blank: Sequence[Result],
        find_refusals: Callable[[], Sequence[str]],
        embeddings_BD: torch.Tensor,
    ) -> list[tuple[Result, list[int]]]:
        """Adds predictions to results; returns them with the best nodes of each, at least two where there are.

        scored: calibrated. blank: results without predictions. find_refusals: called when the head has decided; returns why the
        model refuses an image, "" for others.
        """
        tree = self.taxonomy
        scores, is_excluded_B = self.decide(scored, [one.source for one in blank])
        refused_B = find_refusals()
        best_B = select_top_nodes(tree, scores, self.reportable, max(2, self.k))  # the margin needs two
        n_tied_B = count_tied_nodes(tree, scores, self.reportable)
        winners = select_best_at_ranks(tree, scores)
        is_single_B = scored.find_single_class_images()
        results: list[tuple[Result, list[int]]] = []
        for row, result in enumerate(blank):
            if refused := NONE_LISTED if is_excluded_B[row] else refused_B[row]:
                results.append((replace(result, refused=refused), []))
                continue
            probabilities = NodeProbabilities(tree, scores, row)
            winners_of_image = [(rank, nodes[row]) for rank, nodes in winners]
            result = self._add_predictions(
                result, scored, row, probabilities, best_B[row], winners_of_image, embeddings_BD[row]
            )
            result = add_tie(result, describe_tie(int(n_tied_B[row]), scores.top_BK.shape[1], tree.n_classes))
            possible = [node for node in best_B[row] if probabilities.log(node) > -math.inf]
            results.append((drop_shares(result) if is_single_B[row] else result, possible))
        return results

    def _decide_event(self, members: Sequence[Member]) -> list[Result]:
        """Decides on an event: one result, or one for each of its taxa where images show several."""
        voters, left_out = find_voters(members, [self.taxonomy.names[node] for node in self.taxonomy.beside_nodes])
        if not voters:
            return [refuse_event(members, left_out)]
        try:
            results = [self._decide_group(group) for group in group_voters(voters)]
        except (ComponentError, ImageError) as problem:
            log_row(problem)
            return [replace(make_event_result(members), error=str(problem))]
        return number_results([add_left_out(results[0], members, left_out), *results[1:]])

    def _decide_group(self, voters: Sequence[Member]) -> Result:
        """Decides on images that show the same, from their logits, computed again from their embeddings."""
        embeddings_nD = torch.stack([one.embedding_D for one in voters if one.embedding_D is not None])
        names = tuple(one.source.name for one in voters)
        features = ImageFeatures(embeddings_nD, ("",) * len(voters), names)
        scored, _ = self.scorer.score(features, [one.source for one in voters]).calibrate(self.calibration)
        pooled = scored.pool(self.event_pooling)
        blank = make_event_result(voters)
        [(result, nodes)] = self._predict(pooled, [blank], lambda: [""], embeddings_nD.mean(0, keepdim=True))
        if self.event_pooling != "product":  # the texts' similarities add up to the margin of averaged logits only
            result = replace(result, explanation=None)
        if not result.predictions:
            return result
        return add_votes(result, voters, nodes, scored.logits.cpu(), self.taxonomy, self.event_pooling)

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
        error=decoded.error,
        refused=decoded.refused,
        width=decoded.width,
        height=decoded.height,
        thumbnail=decoded.thumbnail,
        notes=(*decoded.notes, *notes),
        metadata=decoded.source.metadata,
        region=decoded.region,
        region_number=decoded.region_number,
        n_regions=decoded.n_regions,
        event=decoded.source.event,
    )
