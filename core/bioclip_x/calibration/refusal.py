"""Fits the threshold below which an image is of none of the listed classes, and chooses by which score.

The threshold is from the listed images of the fitting half. With off-list images, the score is chosen by its AUROC on one half of
them against the same listed images, and all figures are of the other half against the held-out listed images.

Legend: n listed images, m off-list images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import CalibrationError
from bioclip_x.evaluation.descriptors.statistics import compute_area
from bioclip_x.evaluation.intervals import Interval, compute_proportion_interval
from bioclip_x.evaluation.labelled_images import LabelledImages, find_unlisted
from bioclip_x.evaluation.labelled_logits import find_top_logits
from bioclip_x.evaluation.metrics.risk_coverage import (
    compute_auroc,
    compute_false_accept,
    compute_false_accept_interval,
    find_acceptance_threshold,
)
from bioclip_x.hooks.capabilities import ScorerCapabilities, get_capabilities
from bioclip_x.inference.refusal_scores import METHODS, compute_refusal_scores
from bioclip_x.records.calibration import ACCEPTS, Refusal, RefusalAtRank, RefusalFigures, RefusalMethod
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.text_bank.random_texts import embed_random_texts

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

DEFAULT: Final[RefusalMethod] = "similarity"
"""Without off-list images to choose on."""

Scored = Mapping[RefusalMethod, Floats]


def fit_refusal(
    classifier: Classifier,
    images: LabelledImages,
    fitted: Ints,
    held_out: Ints,
    *,
    accept: float,
    temperature: float,
    method: RefusalMethod | None = None,
    seed: int = 0,
    listed_ranks: Mapping[str, str] | None = None,
) -> Refusal:
    """Fits the threshold that a fraction `accept` of the listed images reaches, and measures it.

    fitted, held_out: rows of listed images. method: the score; None for the one that is best on off-list images. seed: of the
    split of the off-list images, where it is to be chosen. listed_ranks: image → the lowest rank at which its taxon is listed.
    Raises CalibrationError for a method that the scorer does not have.
    """
    methods = list_methods(classifier)
    if method is not None and method not in methods:
        raise CalibrationError(
            f"the scorer {classifier.scorer_name!r} has no score {method!r} for refusals; it has: {', '.join(methods)}"
        )
    random_D = embed_random_texts(classifier.encoder) if "relative" in methods else None

    def score(rows: Ints) -> Scored:
        return score_images(classifier, images, rows, methods, temperature, random_D)

    to_choose, to_check = split_off_list(find_unlisted(images), seed, chosen=method is None)
    listed, held = score(fitted), score(held_out)
    chosen = method or (choose_method(listed, score(to_choose)) if len(to_choose) else DEFAULT)
    threshold = find_acceptance_threshold(listed[chosen], accept)
    accepted_n = held[chosen] >= threshold
    accepted, accepted_interval = float(accepted_n.mean()), compute_proportion_interval(accepted_n)
    if not len(to_check):
        return Refusal(threshold, accept, accepted, method=chosen, accepted_interval=accepted_interval)
    off_list = score(to_check)
    ranks = [(listed_ranks or {}).get(images.sources[row].name, "") for row in to_check.tolist()]
    return Refusal(
        threshold,
        accept,
        accepted,
        off_list=len(to_check),
        refused=float((off_list[chosen] < threshold).mean()),
        auroc=compute_auroc(held[chosen], off_list[chosen]),
        method=chosen,
        chosen_on=len(to_choose),
        compared=tuple(compare(one, held[one], off_list[one]) for one in methods),
        ranks=tuple(measure_ranks(held[chosen], off_list[chosen], threshold, ranks)),
        accepted_interval=accepted_interval,
        refused_interval=compute_proportion_interval(off_list[chosen] < threshold),
        auroc_interval=_compute_area_interval(held[chosen], off_list[chosen]),
    )


def _compute_area_interval(listed_n: Floats, off_list_m: Floats) -> Interval | None:
    area = compute_area(listed_n, off_list_m)
    return None if area is None or area.low is None or area.high is None else (area.low, area.high)


def list_methods(classifier: Classifier) -> tuple[RefusalMethod, ...]:
    """Lists the scores that the classifier has: random texts are comparable with similarities of texts only."""
    pools = get_capabilities(classifier.scorer, ScorerCapabilities).pools_prompts
    return tuple(one for one in METHODS if one != "relative" or pools)


@torch.inference_mode()
def score_images(
    classifier: Classifier,
    images: LabelledImages,
    rows: Ints,
    methods: Sequence[RefusalMethod],
    temperature: float,
    random_D: torch.Tensor | None,
) -> Scored:
    """Computes the scores of the images `rows` by method: float64 [n]. temperature, random_D: see `compute_refusal_scores`."""
    found: dict[RefusalMethod, list[Floats]] = {one: [np.empty(0)] for one in methods}
    start = 0
    for part in images.parts(classifier, rows):
        top_B = find_top_logits(part).top_B
        embeddings_BD = images.features_nD[rows[start : start + len(top_B)]]
        start += len(top_B)
        for one in methods:
            found[one].append(
                compute_refusal_scores(
                    one,
                    part.logits,
                    top_B,
                    classifier.encoder.card,
                    temperature=temperature,
                    embeddings_BD=embeddings_BD,
                    random_D=random_D,
                )
            )
    return {one: np.concatenate(scores) for one, scores in found.items()}


def split_off_list(rows: Ints, seed: int, *, chosen: bool) -> tuple[Ints, Ints]:
    """Splits the off-list images into those to choose a score on and those to measure it on: none and all if it is given.

    A single image is measured.
    """
    half = len(rows) // 2 if chosen else 0
    shuffled = np.random.default_rng(seed).permutation(rows)
    return np.sort(shuffled[:half]), np.sort(shuffled[half:])


def choose_method(listed: Scored, off_list: Scored) -> RefusalMethod:
    """Returns the method with the largest AUROC; of equals the first of `METHODS`."""
    return max(listed, key=lambda one: compute_auroc(listed[one], off_list[one]))


def compare(method: RefusalMethod, listed_n: Floats, off_list_m: Floats) -> RefusalFigures:
    """Measures one score."""
    return RefusalFigures(
        method,
        compute_auroc(listed_n, off_list_m),
        tuple(compute_false_accept(listed_n, off_list_m, accept) for accept in ACCEPTS),
        _compute_area_interval(listed_n, off_list_m),
        tuple(compute_false_accept_interval(listed_n, off_list_m, accept) for accept in ACCEPTS),
    )


def measure_ranks(
    listed_n: Floats, off_list_m: Floats, threshold: float, ranks: Sequence[str]
) -> Iterator[RefusalAtRank]:
    """Yields the figures of the off-list images by rank, from the lowest up; "nothing" is last. ranks: of each, "" if unknown."""
    rank_m = np.array(ranks, object)
    for rank in sorted({rank for rank in ranks if rank}, key=lambda rank: -ORDER.get(rank, -1)):
        score_n = off_list_m[rank_m == rank]
        yield RefusalAtRank(
            rank,
            len(score_n),
            compute_auroc(listed_n, score_n),
            float((score_n < threshold).mean()),
            _compute_area_interval(listed_n, score_n),
            compute_proportion_interval(score_n < threshold),
        )
