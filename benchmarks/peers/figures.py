"""Benchmark figures: the project compared with a peer, measured alternately, as the median of the ratios; or one measurement of
the project compared with a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Target:
    """The ratio that a figure must reach.

    "at least": peer / project must be at least `times`. "at most": project / peer must be at most `times`.
    """

    kind: Literal["at least", "at most"]
    times: float

    def ratio(self, project: float, peer: float) -> float:
        return peer / project if self.kind == "at least" else project / peer

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.times if self.kind == "at least" else ratio <= self.times

    def __str__(self) -> str:
        return f"{'≥' if self.kind == 'at least' else '≤'} {self.times:g}×"


@dataclass(frozen=True, slots=True)
class Captions:
    """Descriptions of the two measurements, and their unit."""

    project: str
    peer: str
    unit: Literal["s", "MiB"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """largest: the largest difference between the project's numbers and the peer's. allowed: its upper limit."""

    largest: float
    allowed: float = 1e-5

    @property
    def holds(self) -> bool:
        return self.largest <= self.allowed  # False for NaN too


@dataclass(frozen=True, slots=True)
class Figure:
    """samples: (project, peer) of every round. agreement: of the computed numbers, if there are any."""

    captions: Captions
    target: Target
    samples: tuple[tuple[float, float], ...]
    agreement: Agreement | None = None

    @property
    def value(self) -> float:
        """The median of the ratios per round, in which other load on the machine affects both sides."""
        return median(self.target.ratio(project, peer) for project, peer in self.samples)

    @property
    def medians(self) -> tuple[tuple[str, float], tuple[str, float]]:
        """Description and median of the project's and of the peer's samples."""
        project, peer = zip(*self.samples)
        return (self.captions.project, median(project)), (self.captions.peer, median(peer))

    @property
    def is_met(self) -> bool:
        return self.target.is_met(self.value) and (self.agreement is None or self.agreement.holds)

    def dump(self) -> dict[str, Any]:
        """Converts to an entry of the results file, which `load` reads."""
        project, peer = (
            {"what": what, "median": _round(middle), "samples": [*map(_round, taken)]}
            for (what, middle), taken in zip(self.medians, zip(*self.samples))
        )
        agreement = self.agreement and {"largest": self.agreement.largest, "allowed": self.agreement.allowed}
        return {
            "value": _round(self.value),
            "target": {"kind": self.target.kind, "times": self.target.times},
            "is_met": self.is_met,
            "unit": self.captions.unit,
            "ours": project,
            "peers": peer,
            "difference": agreement,
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """A measurement of the project alone. most, least: limits of the median. unit: "s", "MiB" or "%"."""

    what: str
    unit: str
    samples: tuple[float, ...]
    most: float | None = None
    least: float | None = None

    @property
    def value(self) -> float:
        return median(self.samples)

    @property
    def is_met(self) -> bool:
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def target(self) -> str:
        return f"≤ {self.most:g} {self.unit}" if self.most is not None else f"≥ {self.least:g} {self.unit}"

    def dump(self) -> dict[str, Any]:
        """Converts to an entry of the results file, which `load` reads."""
        return {
            "value": _round(self.value),
            "limit": {"most": self.most, "least": self.least},
            "is_met": self.is_met,
            "unit": self.unit,
            "ours": {"what": self.what, "samples": [*map(_round, self.samples)]},
        }


def load(dumped: Mapping[str, Any]) -> Figure | Limit:
    """Reads a figure from an entry of the results file."""
    if "limit" in dumped:
        return Limit(dumped["ours"]["what"], dumped["unit"], tuple(dumped["ours"]["samples"]), **dumped["limit"])
    project, peer = dumped["ours"], dumped["peers"]
    return Figure(
        Captions(project["what"], peer["what"], dumped["unit"]),
        Target(**dumped["target"]),
        tuple(zip(project["samples"], peer["samples"], strict=True)),
        Agreement(**dumped["difference"]) if dumped["difference"] else None,
    )


def measure_alternately(
    project: Callable[[], float], peer: Callable[[], float], rounds: int
) -> tuple[tuple[float, float], ...]:
    """Measures project and peer alternately. Each function returns its measurement."""
    return tuple((project(), peer()) for _ in range(rounds))


def seconds(work: Callable[[], object]) -> float:
    """Returns the wall-clock time of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def _round(number: float) -> float:
    """Rounds to five significant digits."""
    return float(f"{number:.5g}")
