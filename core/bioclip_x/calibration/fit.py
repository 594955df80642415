"""Calibrates a classifier on labelled images.

Temperature, refusal threshold and λ are fitted on half of the listed images; all reported figures are of the held-out half.

Legend: B images of a batch, n images, N nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.array_types import Floats
from bioclip_x.calibration.refusal import fit_refusal
from bioclip_x.calibration.sets import SET_COVERAGES, fit_sets
from bioclip_x.calibration.temperature import FittedTemperature, compute_log_probabilities, fit_temperature
from bioclip_x.errors import CalibrationError, RecipeError
from bioclip_x.evaluation.intervals import compute_mean_interval, compute_proportion_interval
from bioclip_x.evaluation.labelled_images import LabelledImages, describe_inner_labels, describe_ties, split_in_halves
from bioclip_x.evaluation.labelled_logits import LabelledLogits, find_top_logits
from bioclip_x.evaluation.metrics.reliability import (
    compute_adaptive_calibration_error,
    compute_expected_calibration_error,
)
from bioclip_x.evaluation.metrics.risk_coverage import (
    compute_aurc,
    compute_aurc_interval,
    measure_accuracy_at,
)
from bioclip_x.inference.temperature import apply_temperature
from bioclip_x.records import Calibration
from bioclip_x.records.calibration import Coverage, Hedge, RefusalMethod, Reliability
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring import hedging
from bioclip_x.taxonomy.scoring.rollup import roll_up

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

FEWEST: Final = 100
"""Least number of listed images for a calibration: with fifty held out, an accuracy is known to about ± 10 points."""
MANY: Final = 1000
"""With fewer images a warning is added."""
COVERAGES: Final = (1.0, 0.95, 0.9, 0.8, 0.5)
ACCURACIES: Final = (0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Of n images: the best class's probability, the log probability of the true class, whether the best class is the true one,
    and how many classes are tied with it, itself included."""

    probability_n: Floats
    log_true_n: Floats
    right_n: np.ndarray
    n_tied_n: np.ndarray


@torch.inference_mode()
def calibrate(
    classifier: Classifier,
    images: LabelledImages,
    source: str,
    *,
    accept: float = 0.95,
    refuse_by: RefusalMethod | None = None,
    accuracies: Sequence[float] = ACCURACIES,
    coverages: Sequence[float] = SET_COVERAGES,
    seed: int = 0,
    listed_ranks: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Calibration:
    """Fits and evaluates a calibration. source: what outputs call the data set.

    accept: fraction of listed images that the refusal threshold must accept. refuse_by: the score that
    it is of, None for the best on off-list images. accuracies: for which a λ is fitted. coverages: of
    conformal sets. seed: of the split.
    listed_ranks: off-list image → its lowest listed rank, where known. Raises CalibrationError where there are too few images.
    """
    images = images.drop_excluded(classifier)
    fitted, held_out = split_in_halves(images.class_n, seed)
    inner = describe_inner_labels(images, classifier.taxonomy, "take no part")
    n, all_notes = len(fitted) + len(held_out), (*notes, *images.notes, *inner)
    if n < FEWEST:
        raise CalibrationError(
            f"{source} has {n} usable images of listed classes; at least {FEWEST} are needed, {MANY:,} are recommended. "
            + "; ".join(all_notes)
        )
    to_fit, to_check = (images.parts(classifier, rows) for rows in (fitted, held_out))
    fit = _fit_temperature(to_fit)
    temperature = 1.0 if fit.bound == "coldest" else fit.temperature
    before, after = (observe(to_check, t) for t in (1.0, temperature))
    refusal = fit_refusal(
        classifier,
        images,
        fitted,
        held_out,
        accept=accept,
        temperature=temperature,
        method=refuse_by,
        seed=seed,
        listed_ranks=listed_ranks,
    )
    return Calibration(
        conditions=classifier.conditions,
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=__version__,
        fitted=len(fitted),
        held_out=len(held_out),
        seed=seed,
        accuracy=float(after.right_n.mean()),
        temperature=None if fit.bound == "coldest" else temperature,
        before=compute_reliability(before),
        after=compute_reliability(after),
        aurc=compute_aurc(after.probability_n, after.right_n),
        coverages=tuple(_measure_coverage(c, after) for c in COVERAGES),
        refusal=refusal,
        hedges=_fit_hedges(to_fit, to_check, temperature, classifier.taxonomy, accuracies),
        notes=(
            *all_notes,
            *describe_ties(int((before.n_tied_n > 1).sum()), len(held_out)),
            *_collect_warnings(fit, before, n),
        ),
        plugins=classifier.provenance.plugins,
        sets=fit_sets(to_check, to_fit, temperature, classifier.taxonomy, coverages),
        accuracy_interval=compute_proportion_interval(after.right_n),
        aurc_interval=compute_aurc_interval(after.probability_n, after.right_n),
    )


def _measure_coverage(coverage: float, observations: Observations) -> Coverage:
    found = measure_accuracy_at(coverage, observations.probability_n, observations.right_n)
    return Coverage(coverage, found.accuracy, found.score, found.interval)


def observe(parts: Sequence[LabelledLogits], temperature: float) -> Observations:
    """Classifies the images at a temperature."""
    rows: list[tuple[torch.Tensor, ...]] = []
    for part in parts:
        top = find_top_logits(part)
        log_best_B, log_true_B = compute_log_probabilities(part.logits, top, temperature)
        rows.append((log_best_B.exp(), log_true_B, top.right_B, top.n_tied_B))
    probability_n, log_true_n, right_n, n_tied_n = (torch.cat(column) for column in zip(*rows))
    return Observations(probability_n.numpy(), log_true_n.numpy(), right_n.numpy(), n_tied_n.numpy())


def compute_reliability(observations: Observations) -> Reliability:
    """Computes NLL and calibration errors. Images whose true class has no score (likelihood 0) are left out of the NLL."""
    scored = observations.log_true_n[np.isfinite(observations.log_true_n)]
    return Reliability(
        nll=float(-scored.mean()) if len(scored) else None,
        ece=compute_expected_calibration_error(observations.probability_n, observations.right_n),
        adaptive_ece=compute_adaptive_calibration_error(observations.probability_n, observations.right_n),
        nll_interval=compute_mean_interval(-scored),
    )


def _fit_temperature(parts: Sequence[LabelledLogits]) -> FittedTemperature:
    try:
        return fit_temperature(parts)
    except ValueError:
        raise CalibrationError(
            "no image's true class has a score; check that the labels and the scores are of the same classes"
        ) from None


def _fit_hedges(
    to_fit: Sequence[LabelledLogits],
    to_check: Sequence[LabelledLogits],
    temperature: float,
    taxonomy: Taxonomy,
    accuracies: Sequence[float],
) -> tuple[Hedge, ...]:
    if not accuracies:
        return ()
    (fit, fit_class_n), (held, held_class_n) = (
        _compute_bets(parts, temperature, taxonomy) for parts in (to_fit, to_check)
    )
    information_N = hedging.compute_information(taxonomy)
    hedges = []
    for accuracy in sorted(set(accuracies)):
        try:
            lambda_ = hedging.fit_lambda(fit, fit_class_n, taxonomy, accuracy)
        except RecipeError:
            hedges.append(Hedge(accuracy, None))
            continue
        nodes_n = hedging.select_best_bet(held, lambda_)
        right_n = hedging.is_correct(nodes_n, held_class_n, taxonomy)
        interval = compute_proportion_interval(right_n)
        information_n = information_N[nodes_n].clip(0, 1)  # in [0, 1] but for rounding
        hedges.append(
            Hedge(
                accuracy,
                lambda_,
                float(right_n.mean()),
                float(information_n.mean()),
                interval,
                compute_mean_interval(information_n, 0, 1),
            )
        )
    return tuple(hedges)


def _compute_bets(
    parts: Sequence[LabelledLogits], temperature: float, taxonomy: Taxonomy
) -> tuple[hedging.Bets, np.ndarray]:
    bets = [
        hedging.compute_bets(roll_up(apply_temperature(part.logits, temperature), taxonomy), taxonomy) for part in parts
    ]
    return hedging.Bets.concatenate(bets), torch.cat([part.class_B for part in parts]).numpy()


def _collect_warnings(fit: FittedTemperature, before: Observations, n: int) -> list[str]:
    warnings = []
    if fit.bound == "coldest":
        warnings.append(
            "all images of the fitting half are classified correctly, so the likelihood has no maximum: no temperature is "
            "set and probabilities stay uncalibrated; use harder images"
        )
    if fit.bound == "hottest":
        warnings.append(
            f"the scores are worse than chance and the temperature reached its upper bound, {fit.temperature:g}; check that "
            "labels, species list and texts match"
        )
    if lost := int((~np.isfinite(before.log_true_n)).sum()):
        warnings.append(
            f"{lost} held-out images have a true class without a score; they count as wrong and are left out of the NLL"
        )
    if n < MANY:
        warnings.append(f"only {n} images: the figures vary with the sample; {MANY:,} or more are recommended")
    return warnings
