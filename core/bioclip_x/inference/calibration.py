"""Applies a stored calibration: temperature, refusal threshold and depth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from bioclip_x.errors import CalibrationError
from bioclip_x.hooks.capabilities import HeadCapabilities
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.inference.calibration_store import choose_calibration, find_lambda, find_set_threshold
from bioclip_x.inference.refusal_scores import compute_refusal_scores
from bioclip_x.inference.temperature import Peaks, apply_temperature
from bioclip_x.recipe import Recipe
from bioclip_x.records import Calibration, Conditions, Logits, ModelCard, TextBank
from bioclip_x.records.calibration import RefusalMethod
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.text_bank.random_texts import embed_random_texts

MEASURES: Final[Mapping[RefusalMethod, str]] = {
    "similarity": "its best match has the {}",
    "probability": "its best class has the probability",
    "energy": "all classes together have the {}",
    "mcm": "its best match stands out among the classes by",
    "relative": "its best match exceeds random texts in {} by",
}
ACCURACY: Final = 0.95
"""Target accuracy of depth auto if the recipe sets none."""


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """The calibration of one classifier.

    calibration: None for no calibration. raw_card: the model's own card. random_D: the mean text of random words, float32 [D],
    if the calibration refuses by it. refusal_temperature: of the probabilities that it refuses by, whatever the head.
    """

    calibration: Calibration | None
    raw_card: ModelCard
    random_D: torch.Tensor | None = None
    refusal_temperature: float = 1.0

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
        refusal = calibration.refusal
        measure = "" if refusal.method == "similarity" else f" by {refusal.method}"
        refuses = f"refuses below {refusal.threshold:.4f}{measure}"
        return (f"calibration of {calibration.date} ({calibration.source}): {temperature}; {refuses}",)

    def apply(self, logits: Logits) -> tuple[Logits, Peaks]:
        """Divides logits by the temperature, and records each image's largest logit before the division."""
        peaks = Peaks(logits.n_images)
        if self.calibration is None:
            return logits, peaks
        return apply_temperature(peaks.record(logits), self.temperature), peaks

    def find_refusals(
        self, model_reasons: Sequence[str], peaks: Peaks, logits: Logits, embeddings_BD: torch.Tensor
    ) -> tuple[str, ...]:
        """Returns for each image "" or why it is refused: the model's reason, or a score below the threshold.

        model_reasons: "" or the model's reason, per image. peaks: complete, that is, after the head has decided. logits:
        before the temperature. embeddings_BD: float32 [B, D], L2-normalised.
        """
        if self.calibration is None:
            return tuple(model_reasons)
        refusal = self.calibration.refusal
        score_B = compute_refusal_scores(
            refusal.method,
            logits,
            peaks.top_B,
            self.raw_card,
            temperature=self.refusal_temperature,
            embeddings_BD=embeddings_BD,
            random_D=self.random_D,
        ).tolist()
        return tuple(
            reason or ("" if score >= refusal.threshold else self._format_refusal(score))
            for reason, score in zip(model_reasons, score_B)
        )

    def _format_refusal(self, score: float) -> str:
        assert self.calibration is not None
        refusal = self.calibration.refusal
        what = MEASURES[refusal.method].format("similarity" if self.raw_card.dim else "score")
        return (
            f"none of these: {what} {score:.3f}; {refusal.accept:.0%} of the calibration images have {refusal.threshold:.3f} or "
            "more"
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
    recipe: Recipe, conditions: Conditions, encoder: LoadedEncoder, head: HeadCapabilities
) -> AppliedCalibration:
    """Returns the recipe's calibration, without its temperature if the head's probabilities are not a softmax.

    Raises CalibrationError for a file that was made under other conditions.
    """
    calibration = choose_calibration(recipe.calibration, conditions)
    fitted = (calibration and calibration.temperature) or 1.0
    if calibration and not head.is_softmax:
        calibration = replace(calibration, temperature=None)
    relative = calibration is not None and calibration.refusal.method == "relative"
    if relative and not encoder.card.dim:
        raise CalibrationError(
            f"{recipe.calibration} refuses images by their similarity to random texts (relative), and the scorer "
            f"{recipe.scorer.name!r} compares none; calibrate again"
        )
    random_D = embed_random_texts(encoder) if relative else None
    return AppliedCalibration(calibration, encoder.card, random_D, fitted)


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


def describe_sets(head: HeadCapabilities) -> tuple[str, ...]:
    """Returns the note on what the sets of a head mean."""
    if head.sets is None:
        return ()
    return (
        f"each answer is a set that contains the true class for {100 * head.sets.coverage:.4g}% of images like those of the "
        "calibration",
    )
