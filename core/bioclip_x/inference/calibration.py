"""A calibration at work: its temperature, its threshold, its depth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bioclip_x.components import Head
from bioclip_x.inference import calibration_store
from bioclip_x.inference.temperature import Peaks, at_temperature
from bioclip_x.recipe import Recipe
from bioclip_x.records import Calibration, Conditions, Logits, ModelCard, TextBank
from bioclip_x.taxonomy import Taxonomy

ACCURACY: Final = 0.95
"""Of the names that depth auto gives, where the recipe does not say."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """calibration: None leaves everything as it is. card: of the model."""

    calibration: Calibration | None
    raw_card: ModelCard

    @property
    def temperature(self) -> float:
        return (self.calibration and self.calibration.temperature) or 1.0

    @property
    def card(self) -> ModelCard:
        """The model's card with the scale and the bias that its logits then have."""
        raw, temperature = self.raw_card, self.temperature
        return replace(raw, logit_scale=raw.logit_scale / temperature, logit_bias=raw.logit_bias / temperature)

    @property
    def probabilities(self) -> dict[str, str]:
        """`Provenance.probabilities`, if it has a part in them."""
        return {"probabilities": self.calibration.about} if self.calibration and self.calibration.temperature else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What it does."""
        if not (found := self.calibration):
            return ()
        heat = f"temperature {found.temperature:.4g}" if found.temperature else "no temperature"
        told = (
            f"calibration of {found.date} ({found.source}): {heat}; none of these below {found.refusal.threshold:.4f}"
        )
        return (told,)

    def applied(self, logits: Logits) -> tuple[Logits, Peaks]:
        """Logits at its temperature, and what sees the largest of them before that."""
        peaks = Peaks(logits.n_images)
        if self.calibration is None:
            return logits, peaks
        return at_temperature(peaks.watched(logits), self.temperature), peaks

    def refusals(self, by_model: Sequence[str], peaks: Peaks) -> tuple[str, ...]:
        """Of each picture why it is not named, "" if it is: the model's own reason, or that it is like none of the classes."""
        if self.calibration is None:
            return tuple(by_model)
        of, card = self.calibration.refusal, self.raw_card
        similarity_B = ((peaks.top_B.double() - card.logit_bias) / card.logit_scale).tolist()
        return tuple(
            refused or ("" if similarity >= of.threshold else self._none_of_these(similarity))
            for refused, similarity in zip(by_model, similarity_B)
        )

    def _none_of_these(self, similarity: float) -> str:
        assert self.calibration is not None
        of, what = self.calibration.refusal, "similarity" if self.raw_card.dim else "score"
        return (
            f"none of these: its best match has the {what} {similarity:.3f}; of the pictures calibrated on, "
            f"{of.accept:.0%} have {of.threshold:.3f} or more"
        )


def conditions_of(card: ModelCard, recipe: Recipe, taxonomy: Taxonomy, bank: TextBank) -> Conditions:
    """What a calibration of this classifier holds for."""
    how = json.dumps([recipe.preprocess, card.preprocessing], sort_keys=True, default=str)
    texts = json.dumps([bank.key, recipe.bank_precision, [str(ref) for ref in recipe.adjust]])
    return Conditions(
        model=card.name,
        revision=card.revision,
        precision=card.precision,
        preprocessing=_hashed(how),
        taxonomy=taxonomy.fingerprint,
        texts=_hashed(texts),
        pooling=bank.pooling,
        scorer=recipe.scorer.name,
    )


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def calibrated(recipe: Recipe, conditions: Conditions, card: ModelCard, head: Head) -> Calibrated:
    """The recipe's calibration, without a temperature for a head whose shares are no softmax (`components.Head`).

    Raises CalibrationError for a file of other conditions.
    """
    found = calibration_store.chosen(recipe.calibration, conditions)
    if found and not getattr(head, "is_softmax", False):
        found = replace(found, temperature=None)
    return Calibrated(found, card)


def depth_options(recipe: Recipe, calibration: Calibration | None) -> dict[str, float]:
    """What the head of depth auto is told. Raises CalibrationError where a calibration for that is missing."""
    return {"lambda_": calibration_store.lambda_for(calibration, recipe.accuracy or ACCURACY)}
