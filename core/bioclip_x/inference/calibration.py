"""Applies a stored calibration: its temperature, its refusal threshold, its depth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bioclip_x.capabilities import HeadCapabilities
from bioclip_x.inference.calibration_store import choose_calibration, find_lambda
from bioclip_x.inference.temperature import Peaks, apply_temperature
from bioclip_x.recipe import Recipe
from bioclip_x.records import Calibration, Conditions, Logits, ModelCard, TextBank
from bioclip_x.taxonomy import Taxonomy

ACCURACY: Final = 0.95
"""The accuracy that depth auto aims at where the recipe does not say."""


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """A calibration as one classifier uses it. calibration: None changes nothing. raw_card: the model's own card."""

    calibration: Calibration | None
    raw_card: ModelCard

    @property
    def temperature(self) -> float:
        return (self.calibration and self.calibration.temperature) or 1.0

    @property
    def card(self) -> ModelCard:
        """The model's card with logit scale and bias divided by the temperature."""
        raw, temperature = self.raw_card, self.temperature
        return replace(raw, logit_scale=raw.logit_scale / temperature, logit_bias=raw.logit_bias / temperature)

    @property
    def provenance_fields(self) -> dict[str, str]:
        """`Provenance.probabilities`, where a temperature was applied."""
        return {"probabilities": self.calibration.about} if self.calibration and self.calibration.temperature else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Which calibration was applied."""
        if not (found := self.calibration):
            return ()
        heat = f"temperature {found.temperature:.4g}" if found.temperature else "no temperature"
        return (f"calibration of {found.date} ({found.source}): {heat}; refuses below {found.refusal.threshold:.4f}",)

    def apply(self, logits: Logits) -> tuple[Logits, Peaks]:
        """Logits divided by the temperature, and a record of each image's largest logit before that."""
        peaks = Peaks(logits.n_images)
        if self.calibration is None:
            return logits, peaks
        return apply_temperature(peaks.recorded(logits), self.temperature), peaks

    def refusals(self, by_model: Sequence[str], peaks: Peaks) -> tuple[str, ...]:
        """Per image "" or why it is not named: the model's own reason, or a best match below the threshold.

        by_model: the model's own reasons. peaks: complete, that is, after the head has decided.
        """
        if self.calibration is None:
            return tuple(by_model)
        refusal, card = self.calibration.refusal, self.raw_card
        similarity_B = ((peaks.top_B.double() - card.logit_bias) / card.logit_scale).tolist()
        return tuple(
            reason or ("" if similarity >= refusal.threshold else self._below_threshold(similarity))
            for reason, similarity in zip(by_model, similarity_B)
        )

    def _below_threshold(self, similarity: float) -> str:
        assert self.calibration is not None
        refusal, measure = self.calibration.refusal, "similarity" if self.raw_card.dim else "score"
        return (
            f"none of these: its best match has the {measure} {similarity:.3f}; {refusal.accept:.0%} of the images "
            f"calibrated on have {refusal.threshold:.3f} or more"
        )


def make_conditions(card: ModelCard, recipe: Recipe, taxonomy: Taxonomy, bank: TextBank) -> Conditions:
    """What a calibration of this classifier is valid for."""
    preprocessing = json.dumps([recipe.preprocess, card.preprocessing], sort_keys=True, default=str)
    texts = json.dumps([bank.key, recipe.bank_precision, [str(ref) for ref in recipe.adjust]])
    return Conditions(
        model=card.name,
        revision=card.revision,
        precision=card.precision,
        preprocessing=_hashed(preprocessing),
        taxonomy=taxonomy.fingerprint,
        texts=_hashed(texts),
        pooling=bank.pooling,
        scorer=recipe.scorer.name,
    )


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def apply_calibration(
    recipe: Recipe, conditions: Conditions, card: ModelCard, head: HeadCapabilities
) -> AppliedCalibration:
    """The recipe's calibration, without its temperature for a head whose probabilities are not a softmax.

    Raises CalibrationError for a file that was made under other conditions.
    """
    found = choose_calibration(recipe.calibration, conditions)
    if found and not head.is_softmax:
        found = replace(found, temperature=None)
    return AppliedCalibration(found, card)


def make_depth_options(recipe: Recipe, calibration: Calibration | None, head: HeadCapabilities) -> dict[str, float]:
    """The option of the head for `depth: auto`. Raises CalibrationError where the calibration for it is missing."""
    return {head.depth_option: find_lambda(calibration, recipe.accuracy or ACCURACY)}
