"""Calibrations: temperature, refusal threshold and hedging parameters fitted on labelled images."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal

from bioclip_x.records.result import PluginInUse


@dataclass(frozen=True, slots=True)
class Conditions:
    """The setup for which a calibration is valid.

    model, revision, precision: of the weights. preprocessing: of images. taxonomy: fingerprint of the tree.
    texts: hash of the embedded texts. pooling, scorer: how class scores are computed from them.
    """

    model: str
    revision: str
    precision: str
    preprocessing: str
    taxonomy: str
    texts: str
    pooling: str
    scorer: str

    def differences(self, other: Conditions) -> tuple[str, ...]:
        """Returns the names of the fields that differ."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) != getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability on held-out images, at one temperature.

    nll: mean negative log-likelihood of the true class, in nats; None if no true class has a score. ece, adaptive_ece:
    expected calibration error of the best class's probability, in [0, 1], over 15 bins of equal width and of equal numbers
    of images. nll_interval: 95%, over images; None for fewer than 200, since a rare large loss may not have occurred.
    """

    nll: float | None
    ece: float
    adaptive_ece: float
    nll_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The result if only the images with the most probable predictions are classified.

    coverage: their fraction of all images, in (0, 1]. accuracy: on them. share: the lowest probability among them.
    interval: of the accuracy, 95%, over images; None where there are too few.
    """

    coverage: float
    accuracy: float
    share: float
    interval: tuple[float, float] | None = None


RefusalMethod = Literal["similarity", "probability", "energy", "mcm", "relative"]
"""See `inference.refusal_scores`."""


ACCEPTS: Final = (0.99, 0.95, 0.9, 0.8, 0.5)
"""Fractions of listed images that are accepted, at which false acceptances are measured."""


@dataclass(frozen=True, slots=True)
class RefusalFigures:
    """How well one score tells listed from off-list images, on images that neither threshold nor choice has seen.

    auroc: 0.5 is chance. false_accepts: fraction of the off-list images accepted where the fractions of `ACCEPTS` of the listed
    images are. auroc_interval, false_accept_intervals: 95%, over images; None where there are too few.
    """

    method: RefusalMethod
    auroc: float
    false_accepts: tuple[float, ...]
    auroc_interval: tuple[float, float] | None = None
    false_accept_intervals: tuple[tuple[float, float] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusalAtRank:
    """The off-list images whose lowest listed taxon is of one rank; "nothing" for none. images: their number.

    auroc, refused, and their intervals: of them, as in `Refusal`.
    """

    rank: str
    images: int
    auroc: float
    refused: float
    auroc_interval: tuple[float, float] | None = None
    refused_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The threshold for refusing images that belong to none of the classes.

    threshold: an image is refused if its score is lower; with the method "similarity", the cosine similarity to the best class
    (before the logit scale).
    accept: target fraction of listed images to accept. accepted: fraction of the held-out ones accepted.
    off_list: number of images of no listed class for the figures; refused: fraction of them refused; auroc: of the score, for
    listed against off-list images (0.5 is chance); both None without off-list images.
    method: the score. chosen_on: number of further off-list images that it was chosen on; 0 if it was given. compared: all
    methods. ranks: the figures by the lowest listed rank, lowest first, where it is known.
    accepted_interval, refused_interval, auroc_interval: 95%, over images; None where there are too few.
    """

    threshold: float
    accept: float
    accepted: float
    off_list: int = 0
    refused: float | None = None
    auroc: float | None = None
    method: RefusalMethod = "similarity"
    chosen_on: int = 0
    compared: tuple[RefusalFigures, ...] = ()
    ranks: tuple[RefusalAtRank, ...] = ()
    accepted_interval: tuple[float, float] | None = None
    refused_interval: tuple[float, float] | None = None
    auroc_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Hedge:
    """The λ of the head "hedge" for one target accuracy.

    accuracy: the target. lambda_: None if no λ reaches it. reached, information: on the held-out images, the fraction of
    correct predictions and their mean information, from 0 (root) to 1 (class). interval, information_interval: of both, 95%,
    over images; None where there are too few.
    """

    accuracy: float
    lambda_: float | None
    reached: float = 0.0
    information: float = 0.0
    interval: tuple[float, float] | None = None
    information_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """The threshold of conformal sets, for one score and one coverage.

    threshold: None if there are too few images for this coverage. of: number of images that it is from. law: the 95% interval of
    the coverage that other images will see with it, over calibrations on as many images.
    covered: fraction of `checked` other images whose set contains the true class; covered_low, covered_high: its 95% interval.
    classes: mean number of classes in their sets. single: fraction of their sets with one class; single_interval: 95%. All None
    without a threshold.
    """

    score: Literal["lac", "aps", "clade"]
    coverage: float
    threshold: float | None
    of: int
    law: tuple[float, float] | None = None
    checked: int = 0
    covered: float | None = None
    covered_low: float | None = None
    covered_high: float | None = None
    classes: float | None = None
    single: float | None = None
    single_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of `bioclip-x calibrate`.

    source, date, version: name of the labelled images in outputs, ISO date, and version of bioclip-x.
    fitted, held_out: number of listed images for fitting and for evaluation. seed: of that split.
    accuracy: on the held-out images, at class level; accuracy_interval: 95%, over images.
    temperature: divides the logits; None if no temperature improves them. before, after: reliability without and with it.
    aurc: area under the risk-coverage curve with it; aurc_interval: 95%, over images. notes: warnings. plugins: those that the
    classifier uses. sets: thresholds of conformal sets.
    """

    conditions: Conditions
    source: str
    date: str
    version: str
    fitted: int
    held_out: int
    seed: int
    accuracy: float
    temperature: float | None
    before: Reliability
    after: Reliability
    aurc: float
    coverages: tuple[Coverage, ...]
    refusal: Refusal
    hedges: tuple[Hedge, ...]
    notes: tuple[str, ...] = ()
    plugins: tuple[PluginInUse, ...] = ()
    sets: tuple[SetThreshold, ...] = ()
    accuracy_interval: tuple[float, float] | None = None
    aurc_interval: tuple[float, float] | None = None

    @property
    def about(self) -> str:
        """The description of calibrated probabilities in outputs."""
        n = self.fitted + self.held_out
        return f"share among the listed classes, calibrated on {n:,} images of {self.source} ({self.date})"
