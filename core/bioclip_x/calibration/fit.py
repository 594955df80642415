"""LabelledLogits images and a classifier → how far its numbers can be trusted.

Half of the listed images decide (temperature, threshold, λ), the other half, which had no part in that, is what all figures
told are of.

Legend: n images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.array_types import Floats
from bioclip_x.calibration.reliability import compute_adaptive_calibration_error, compute_expected_calibration_error
from bioclip_x.calibration.risk_coverage import (
    compute_accuracy_at,
    compute_aurc,
    compute_auroc,
    find_acceptance_threshold,
)
from bioclip_x.calibration.temperature import FittedTemperature, fit_temperature, log_probabilities
from bioclip_x.errors import CalibrationError, RecipeError
from bioclip_x.evaluation.labelled_images import LabelledImages, find_unlisted, split_in_halves
from bioclip_x.evaluation.labelled_logits import LabelledLogits, find_top_logits
from bioclip_x.inference.temperature import apply_temperature
from bioclip_x.records import Calibration
from bioclip_x.records.calibration import Coverage, Hedge, Refusal, Reliability
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring import hedging
from bioclip_x.taxonomy.scoring.rollup import roll_up

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

FEWEST: Final = 100
"""Listed images below which nothing is calibrated: of fifty held out, an accuracy is known to ± 10 points or so."""
MANY: Final = 1000
"""Below it the figures carry a warning."""
COVERAGES: Final = (1.0, 0.95, 0.9, 0.8, 0.5)
ACCURACIES: Final = (0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Of n images: the best class's share and the true class's, its similarity, and whether it is the true one."""

    share_n: Floats
    log_true_n: Floats
    similarity_n: Floats
    right_n: np.ndarray


@torch.inference_mode()
def calibrate(
    classifier: Classifier,
    pictures: LabelledImages,
    source: str,
    *,
    accept: float = 0.95,
    accuracies: Sequence[float] = ACCURACIES,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> Calibration:
    """Everything at once. source: what outputs call the images. accept: the part of listed images that is to stay named.

    accuracies: for which a λ is wanted. seed: of the split. Raises CalibrationError where there are too few images.
    """
    fitted, held_out = split_in_halves(pictures.class_n, seed)
    n, told = len(fitted) + len(held_out), (*notes, *pictures.notes)
    if n < FEWEST:
        raise CalibrationError(
            f"{source} has {n} usable images of listed classes; at least {FEWEST} are needed, and better {MANY:,}. "
            + "; ".join(told)
        )
    to_fit, to_check = (pictures.parts(classifier, rows) for rows in (fitted, held_out))
    found = _temperature(to_fit)
    temperature = 1.0 if found.bound == "coldest" else found.temperature
    before, after = (observe(to_check, t, classifier) for t in (1.0, temperature))
    refusal = _refusal(
        classifier, to_fit, after.similarity_n, pictures.parts(classifier, find_unlisted(pictures.class_n)), accept
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
        temperature=None if found.bound == "coldest" else temperature,
        before=compute_reliability(before),
        after=compute_reliability(after),
        aurc=compute_aurc(after.share_n, after.right_n),
        coverages=tuple(Coverage(c, *compute_accuracy_at(c, after.share_n, after.right_n)) for c in COVERAGES),
        refusal=refusal,
        hedges=_hedges(to_fit, to_check, temperature, classifier.taxonomy, accuracies),
        notes=(*told, *_doubts(found, before, n)),
    )


def compute_similarity(top_B: torch.Tensor, classifier: Classifier) -> Floats:
    """Largest logits [B] before the model's bias and scale: for CLIP's scores the cosine; float64."""
    card = classifier.encoder.card
    found: Floats = ((top_B.double() - card.logit_bias) / card.logit_scale).numpy()
    return found


def observe(parts: Sequence[LabelledLogits], temperature: float, classifier: Classifier) -> Observations:
    """What the classifier makes of them at a temperature."""
    rows: list[tuple[torch.Tensor, ...]] = []
    for part in parts:
        of = find_top_logits(part)
        log_best_B, log_true_B = log_probabilities(part.logits, of, temperature)
        rows.append((log_best_B.exp(), log_true_B, of.top_B, of.right_B))
    share_n, log_true_n, top_n, right_n = (torch.cat(column) for column in zip(*rows))
    return Observations(share_n.numpy(), log_true_n.numpy(), compute_similarity(top_n, classifier), right_n.numpy())


def compute_reliability(of: Observations) -> Reliability:
    """A true class without a score makes the likelihood 0: such images are left out of the NLL, and told in the notes."""
    scored = of.log_true_n[np.isfinite(of.log_true_n)]
    return Reliability(
        nll=float(-scored.mean()) if len(scored) else 0.0,
        ece=compute_expected_calibration_error(of.share_n, of.right_n),
        adaptive_ece=compute_adaptive_calibration_error(of.share_n, of.right_n),
    )


def _temperature(parts: Sequence[LabelledLogits]) -> FittedTemperature:
    try:
        return fit_temperature(parts)
    except ValueError:
        raise CalibrationError(
            "no image's true class has a score: the labels and the scores are of other classes"
        ) from None


def _refusal(
    classifier: Classifier,
    to_fit: Sequence[LabelledLogits],
    held_n: Floats,
    others: Sequence[LabelledLogits],
    accept: float,
) -> Refusal:
    def of(parts: Sequence[LabelledLogits]) -> Floats:
        return compute_similarity(torch.cat([find_top_logits(part).top_B for part in parts]), classifier)

    threshold = find_acceptance_threshold(of(to_fit), accept)
    accepted = float((held_n >= threshold).mean())
    if not others:
        return Refusal(threshold, accept, accepted)
    other_n = of(others)
    return Refusal(
        threshold, accept, accepted, len(other_n), float((other_n < threshold).mean()), compute_auroc(held_n, other_n)
    )


def _hedges(
    to_fit: Sequence[LabelledLogits],
    to_check: Sequence[LabelledLogits],
    temperature: float,
    taxonomy: Taxonomy,
    accuracies: Sequence[float],
) -> tuple[Hedge, ...]:
    if not accuracies:
        return ()
    (fit, fit_class_n), (held, held_class_n) = (_bets(parts, temperature, taxonomy) for parts in (to_fit, to_check))
    says_N = hedging.compute_information(taxonomy)
    found = []
    for accuracy in sorted(set(accuracies)):
        try:
            lambda_ = hedging.fit_lambda(fit, fit_class_n, taxonomy, accuracy)
        except RecipeError:
            found.append(Hedge(accuracy, None))
            continue
        nodes_n = hedging.select_best_bet(held, lambda_)
        right = float(hedging.is_right(nodes_n, held_class_n, taxonomy).mean())
        found.append(Hedge(accuracy, lambda_, right, float(says_N[nodes_n].mean())))
    return tuple(found)


def _bets(parts: Sequence[LabelledLogits], temperature: float, taxonomy: Taxonomy) -> tuple[hedging.Bets, np.ndarray]:
    bets = [
        hedging.compute_bets(roll_up(apply_temperature(part.logits, temperature), taxonomy), taxonomy) for part in parts
    ]
    return hedging.Bets.joined(bets), torch.cat([part.class_B for part in parts]).numpy()


def _doubts(found: FittedTemperature, before: Observations, n: int) -> list[str]:
    doubts = []
    if found.bound == "coldest":
        doubts.append(
            "every image that it was fitted on is right, so no temperature is best (ever surer is ever better): none is "
            "set, and shares stay uncalibrated; harder images are needed"
        )
    if found.bound == "hottest":
        doubts.append(
            f"the scores know less of these classes than chance: the temperature ran to its bound, {found.temperature:g}; "
            "do labels, list and texts belong together?"
        )
    if lost := int((~np.isfinite(before.log_true_n)).sum()):
        doubts.append(
            f"{lost} held-out images have a true class without a score; they are wrong, and left out of the NLL"
        )
    if n < MANY:
        doubts.append(f"{n} images are few: expect other figures from others; {MANY:,} or more are better")
    return doubts
