"""Probes of word order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bioclip_x.records.evaluation.measures import Measure


@dataclass(frozen=True, slots=True)
class Alteration:
    """How often the score prefers a right text to an altered one.

    name: what is altered. measures: name → fraction, with an interval over classes and draws (`of`: classes; sd: over draws).
    chance: name → the same of random scores. images: that were scored. examples: right text, altered text.
    """

    name: str
    measures: Mapping[str, Measure]
    chance: Mapping[str, float]
    images: int
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WordOrderProbe:
    """source, date, version, model, revision, demo, taxonomy: as in `Evaluation`. text: the text builders. draws: of each
    alteration. notes: on what was skipped."""

    source: str
    date: str
    version: str
    model: str
    revision: str
    demo: str
    taxonomy: str
    text: str
    draws: int
    alterations: tuple[Alteration, ...]
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
