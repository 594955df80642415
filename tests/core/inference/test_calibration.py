"""A stored calibration at classification: temperature, threshold, conditions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bioclip_x.inference.calibration import AppliedCalibration
from bioclip_x.records import Calibration, Conditions, Logits, ModelCard
from bioclip_x.records.calibration import Refusal, Reliability

CARD = ModelCard("tiny", "sha256:1", "", "", 3, logit_scale=50.0, logit_bias=-2.0, context_length=77)

STORED = Calibration(
    conditions=Conditions("tiny", "sha256:1", "", "", "", "", "mean", "any"),
    source="made",
    date="2026-01-31",
    version="0",
    fitted=60,
    held_out=60,
    seed=0,
    accuracy=0.9,
    temperature=2.0,
    before=Reliability(0.5, 0.1, 0.1),
    after=Reliability(0.4, 0.05, 0.05),
    aurc=0.01,
    coverages=(),
    refusal=Refusal(0.2, 0.95, 0.94),
    hedges=(),
)


@pytest.fixture
def applied() -> AppliedCalibration:
    return AppliedCalibration(STORED, CARD)


def test_without_a_calibration_nothing_changes() -> None:
    applied = AppliedCalibration(None, CARD)
    logits = Logits.of(torch.tensor([[1.0, 2.0]]))
    found, peaks = applied.apply(logits)
    assert found is logits and applied.card == CARD and applied.temperature == 1.0
    assert applied.notes == () and applied.provenance_fields == {}
    assert applied.find_refusals(["", "no photograph"], peaks, logits, torch.zeros(2, 3)) == ("", "no photograph")


def test_logits_scale_and_bias_are_divided_and_the_peaks_are_not(applied: AppliedCalibration) -> None:
    found, peaks = applied.apply(Logits.of(torch.tensor([[1.0, 3.0], [0.5, -1.0]])))
    assert found.logits_BC.tolist() == [[0.5, 1.5], [0.25, -0.5]]
    assert peaks.top_B.tolist() == [3.0, 0.5]
    assert (applied.card.logit_scale, applied.card.logit_bias) == (25.0, -1.0)
    assert applied.provenance_fields == {"probabilities": STORED.about}


def test_the_threshold_is_a_similarity_before_the_temperature(applied: AppliedCalibration) -> None:
    """similarity = (logit + 2) / 50: of 8 it is 0.2, the threshold; of 7.9 it is 0.198."""
    logits, embeddings_BD = Logits.of(torch.tensor([[8.0, 1.0], [7.9, 1.0], [9.0, 1.0]])), torch.zeros(3, 3)
    found, peaks = applied.apply(logits)
    _ = found.logits_BC
    kept, refused, by_model = applied.find_refusals(["", "", "a drawing"], peaks, logits, embeddings_BD)
    assert kept == "" and by_model == "a drawing"
    assert refused.startswith("none of these: its best match has the similarity 0.198; 95%")
    scores = replace(applied, raw_card=replace(CARD, dim=0))
    assert "has the score 0.198" in scores.find_refusals(["", "", ""], peaks, logits, embeddings_BD)[1]


def test_any_score_can_refuse(applied: AppliedCalibration) -> None:
    """Of the probability at the calibration's temperature, also where the head does not use it."""
    logits = Logits.of(torch.tensor([[8.0, 1.0], [8.0, 7.5]]))
    by = replace(STORED, temperature=None, refusal=replace(STORED.refusal, method="probability", threshold=0.8))
    other = AppliedCalibration(by, CARD, refusal_temperature=2.0)
    found, peaks = other.apply(logits)
    _ = found.logits_BC
    kept, refused = other.find_refusals(["", ""], peaks, logits, torch.zeros(2, 3))
    assert kept == "" and refused.startswith("none of these: its best class has the probability 0.562; 95%")
    assert "refuses below 0.8000 by probability" in other.notes[0]
