"""What was learnt from labelled images of how far a classifier's numbers can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a calibration holds for, and nothing else.

    model, revision, precision: of the weights. preprocessing: how images are fed. taxonomy: the tree's fingerprint.
    texts: a hash of the embedded texts. pooling, scorer: how these become class scores.
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
        """The names of the fields in which they differ."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) != getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of images that had no part in the fit, at one temperature.

    nll: mean negative log-likelihood of the true class, in nats. ece, adaptive_ece: expected calibration error of the best
    class's share, in [0, 1], over 15 bins of equal width and of equally many images.
    """

    nll: float
    ece: float
    adaptive_ece: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """If only the surest images are named: the part of them, in (0, 1], how many of these are right, and the share that
    the least sure of them has."""

    coverage: float
    accuracy: float
    share: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Where to say "none of these".

    threshold: the similarity of the best class below which an image is refused: the cosine, before the model's scale.
    accept: the part of the listed images that was to stay. accepted: the part of those held out that did.
    off_list: how many images of no class there were; refused, auroc: the part of them refused, and how well the similarity
        tells listed images from them (0.5: not at all), None without any.
    """

    threshold: float
    accept: float
    accepted: float
    off_list: int = 0
    refused: float | None = None
    auroc: float | None = None


@dataclass(frozen=True, slots=True)
class Hedge:
    """For one accuracy asked for: the λ of the head "hedge", None where none is enough, and what the held-out images made
    of it: how many were named rightly, and how much the names said, from 0 (nothing) to 1 (the class)."""

    accuracy: float
    lambda_: float | None
    reached: float = 0.0
    information: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that `bioclip-x calibrate` found.

    source, date, version: the labelled images (as outputs call them), when (ISO), and by which bioclip-x.
    fitted, held_out: how many listed images it was fitted on, and how many the numbers are of. seed: of that split.
    accuracy: of the held-out images, at class level. temperature: divides the logits; None where none is best, and logits
        stay as they are. before, after: without it and with it.
    aurc: the area under the risk-coverage curve after it. notes: what was odd.
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

    @property
    def about(self) -> str:
        """What outputs say of probabilities that it has a part in."""
        n = self.fitted + self.held_out
        return f"share among the listed classes, calibrated on {n:,} images of {self.source} ({self.date})"
