"""Calibrations: temperature, refusal threshold and hedging parameters fitted on labelled images."""

from __future__ import annotations

from dataclasses import dataclass, fields

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
    of images.
    """

    nll: float | None
    ece: float
    adaptive_ece: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """The result if only the images with the most probable predictions are classified.

    coverage: their fraction of all images, in (0, 1]. accuracy: on them. share: the lowest probability among them.
    """

    coverage: float
    accuracy: float
    share: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """The threshold for refusing images that belong to none of the classes.

    threshold: an image is refused if its cosine similarity to the best class is lower (before the logit scale).
    accept: target fraction of listed images to accept. accepted: fraction of the held-out ones accepted.
    off_list: number of images of no listed class; refused: fraction of them refused; auroc: of the similarity, for listed
        against off-list images (0.5 is chance); both None without off-list images.
    """

    threshold: float
    accept: float
    accepted: float
    off_list: int = 0
    refused: float | None = None
    auroc: float | None = None


@dataclass(frozen=True, slots=True)
class Hedge:
    """The λ of the head "hedge" for one target accuracy.

    accuracy: the target. lambda_: None if no λ reaches it. reached, information: on the held-out images, the fraction of
    correct predictions and their mean information, from 0 (root) to 1 (class).
    """

    accuracy: float
    lambda_: float | None
    reached: float = 0.0
    information: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of `bioclip-x calibrate`.

    source, date, version: name of the labelled images in outputs, ISO date, and version of bioclip-x.
    fitted, held_out: number of listed images for fitting and for evaluation. seed: of that split.
    accuracy: on the held-out images, at class level. temperature: divides the logits; None if no temperature improves them.
    before, after: reliability without and with it. aurc: area under the risk-coverage curve with it. notes: warnings.
    plugins: those that the classifier uses.
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

    @property
    def about(self) -> str:
        """The description of calibrated probabilities in outputs."""
        n = self.fitted + self.held_out
        return f"share among the listed classes, calibrated on {n:,} images of {self.source} ({self.date})"
