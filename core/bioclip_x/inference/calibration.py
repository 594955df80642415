"""Applies a stored calibration: temperature, refusal threshold and depth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bioclip_x.capabilities import HeadCapabilities
from bioclip_x.inference.calibration_store import choose_calibration, find_lambda, find_set_threshold
from bioclip_x.inference.temperature import Peaks, apply_temperature
from bioclip_x.recipe import Recipe
from bioclip_x.records import Calibration, Conditions, Logits, ModelCard, TextBank
from bioclip_x.taxonomy import Taxonomy

ACCURACY: Final = 0.95
"""Target accuracy of depth auto if the recipe sets none."""


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """The calibration of one classifier. calibration: None for no calibration. raw_card: the model's own card."""

    calibration: Calibration | None
    raw_card: ModelCard

    @property
    def temperature(self) -> float:
        return (self.calibration and self.calibration.temperature) or 1.0

    @property
    def card(self) -> ModelCard:
        """The model card with logit scale and bias divided by the temperature."""
        raw, temperature = self.raw_card, self.temperature
        return replace(raw, logit_scale=raw.logit_scale / temperature, logit_bias=raw.logit_bias / temperature)

    @property
    def provenance_fields(self) -> dict[str, str]:
        """`Provenance.probabilities`, if a temperature is applied."""
        return {"probabilities": self.calibration.about} if self.calibration and self.calibration.temperature else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Which calibration is applied."""
        if not (calibration := self.calibration):
            return ()
        temperature = f"temperature {calibration.temperature:.4g}" if calibration.temperature else "no temperature"
        threshold = f"{calibration.refusal.threshold:.4f}"
        return (f"calibration of {calibration.date} ({calibration.source}): {temperature}; refuses below {threshold}",)

    def apply(self, logits: Logits) -> tuple[Logits, Peaks]:
        """Divides logits by the temperature, and records each image's largest logit before the division."""
        peaks = Peaks(logits.n_images)
        if self.calibration is None:
            return logits, peaks
        return apply_temperature(peaks.record(logits), self.temperature), peaks

    def find_refusals(self, model_reasons: Sequence[str], peaks: Peaks) -> tuple[str, ...]:
        """Returns for each image "" or why it is refused: the model's reason, or a best match below the threshold.

        model_reasons: "" or the model's reason, per image. peaks: complete, that is, after the head has decided.
        """
        if self.calibration is None:
            return tuple(model_reasons)
        refusal, card = self.calibration.refusal, self.raw_card
        similarity_B = ((peaks.top_B.double() - card.logit_bias) / card.logit_scale).tolist()
        return tuple(
            reason or ("" if similarity >= refusal.threshold else self._format_refusal(similarity))
            for reason, similarity in zip(model_reasons, similarity_B)
        )

    def _format_refusal(self, similarity: float) -> str:
        assert self.calibration is not None
        refusal, measure = self.calibration.refusal, "similarity" if self.raw_card.dim else "score"
        return (
            f"none of these: its best match has the {measure} {similarity:.3f}; {refusal.accept:.0%} of the calibration "
            f"images have {refusal.threshold:.3f} or more"
        )


def make_conditions(card: ModelCard, recipe: Recipe, taxonomy: Taxonomy, bank: TextBank) -> Conditions:
    """Returns the conditions under which a calibration of this classifier is valid."""
    preprocessing = json.dumps([recipe.preprocess, card.preprocessing], sort_keys=True, default=str)
    texts = json.dumps([bank.content or bank.key, recipe.bank_precision, [str(ref) for ref in recipe.adjust]])
    return Conditions(
        model=card.name,
        revision=card.revision,
        precision=card.precision,
        preprocessing=_hash(preprocessing),
        taxonomy=taxonomy.fingerprint,
        texts=_hash(texts),
        pooling=bank.pooling,
        scorer=recipe.scorer.name,
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def apply_calibration(
    recipe: Recipe, conditions: Conditions, card: ModelCard, head: HeadCapabilities
) -> AppliedCalibration:
    """Returns the recipe's calibration, without its temperature if the head's probabilities are not a softmax.

    Raises CalibrationError for a file that was made under other conditions.
    """
    calibration = choose_calibration(recipe.calibration, conditions)
    if calibration and not head.is_softmax:
        calibration = replace(calibration, temperature=None)
    return AppliedCalibration(calibration, card)


def make_depth_options(recipe: Recipe, calibration: Calibration | None, head: HeadCapabilities) -> dict[str, float]:
    """Returns the head's option for `depth: auto`. Raises CalibrationError if the calibration lacks it."""
    return {head.depth_option: find_lambda(calibration, recipe.accuracy or ACCURACY)}


def make_set_options(recipe: Recipe, calibration: Calibration | None, head: HeadCapabilities) -> dict[str, float]:
    """Returns the option with the threshold of a head that reports sets; none if the recipe sets it or has no calibration.

    Raises CalibrationError if the calibration lacks it.
    """
    sets = head.sets
    if sets is None or sets.option in recipe.head.options or recipe.calibration == "none":
        return {}
    return {sets.option: find_set_threshold(calibration, sets)}
