"""Figures: something of ours against something of a peer's, measured by turns, as the median of their ratios; or something
of ours alone, against a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach.

    "at least": the peer takes so many times what we take. "at most": we take so many times what the peer takes.
    """

    kind: Literal["at least", "at most"]
    times: float

    def ratio(self, ours: float, peers: float) -> float:
        return peers / ours if self.kind == "at least" else ours / peers

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.times if self.kind == "at least" else ratio <= self.times

    def __str__(self) -> str:
        return f"{'≥' if self.kind == 'at least' else '≤'} {self.times:g}×"


@dataclass(frozen=True, slots=True)
class Sides:
    """What is measured, in words."""

    ours: str
    peers: str
    unit: Literal["s", "MiB"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """largest: the largest difference between our numbers and the peer's. allowed: what it may be."""

    largest: float
    allowed: float = 1e-5

    @property
    def holds(self) -> bool:
        return self.largest <= self.allowed  # False for NaN too


@dataclass(frozen=True, slots=True)
class Figure:
    """samples: what each took, a pair for every round. agreement: that both computed the same, where they compute."""

    sides: Sides
    target: Target
    samples: tuple[tuple[float, float], ...]
    agreement: Agreement | None = None

    @property
    def value(self) -> float:
        """The median of the rounds' ratios: what else the machine did in a round, it did to both."""
        return median(self.target.ratio(ours, peers) for ours, peers in self.samples)

    @property
    def medians(self) -> tuple[tuple[str, float], tuple[str, float]]:
        """What is measured, in words, and the median of what it took: ours and the peer's."""
        ours, peers = zip(*self.samples)
        return (self.sides.ours, median(ours)), (self.sides.peers, median(peers))

    @property
    def is_met(self) -> bool:
        return self.target.is_met(self.value) and (self.agreement is None or self.agreement.holds)

    def dump(self) -> dict[str, Any]:
        """For the results file; `load` reads it."""
        ours, peers = (
            {"what": what, "median": _rounded(middle), "samples": [*map(_rounded, taken)]}
            for (what, middle), taken in zip(self.medians, zip(*self.samples))
        )
        agreement = self.agreement and {"largest": self.agreement.largest, "allowed": self.agreement.allowed}
        return {
            "value": _rounded(self.value),
            "target": {"kind": self.target.kind, "times": self.target.times},
            "is_met": self.is_met,
            "unit": self.sides.unit,
            "ours": ours,
            "peers": peers,
            "difference": agreement,
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """Something of ours alone. most, least: what the median may be. unit: "s", "MiB" or "%"."""

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
        """For the results file; `load` reads it."""
        return {
            "value": _rounded(self.value),
            "limit": {"most": self.most, "least": self.least},
            "is_met": self.is_met,
            "unit": self.unit,
            "ours": {"what": self.what, "samples": [*map(_rounded, self.samples)]},
        }


def load(dumped: Mapping[str, Any]) -> Figure | Limit:
    """A figure from the results file."""
    if "limit" in dumped:
        return Limit(dumped["ours"]["what"], dumped["unit"], tuple(dumped["ours"]["samples"]), **dumped["limit"])
    ours, peers = dumped["ours"], dumped["peers"]
    return Figure(
        Sides(ours["what"], peers["what"], dumped["unit"]),
        Target(**dumped["target"]),
        tuple(zip(ours["samples"], peers["samples"], strict=True)),
        Agreement(**dumped["difference"]) if dumped["difference"] else None,
    )


def by_turns(ours: Callable[[], float], peers: Callable[[], float], rounds: int) -> tuple[tuple[float, float], ...]:
    """Ours, the peer's, ours, the peer's, …: each returns what it took."""
    return tuple((ours(), peers()) for _ in range(rounds))


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def _rounded(number: float) -> float:
    """Five significant digits."""
    return float(f"{number:.5g}")
