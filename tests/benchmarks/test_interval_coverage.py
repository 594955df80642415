"""Coverage of intervals: a few cases simulated anew, and the committed results and their table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
Load = Callable[[str], ModuleType]


def test_every_interval_holds_in_its_smallest_case(load: Load) -> None:
    """150 trials of the first case of each interval that is printed: at least 91%, four standard errors below 99%."""
    coverage = load("interval_coverage")
    seen: dict[str, float] = {}
    for case in coverage.list_cases():
        if case.interval not in seen and case.interval != "descriptors above chance":
            row = coverage.simulate(case, 150)
            if "coverage" in row:
                seen[case.interval] = row["coverage"]
                assert row["coverage"] >= 0.91, row
                assert row.get("flagged", 0) <= 0.07, row
    assert len(seen) == len({case.interval for case in coverage.list_cases()}) - 1


def test_an_interval_that_is_too_narrow_is_noticed(load: Load) -> None:
    coverage = load("interval_coverage")

    def draw(rng: np.random.Generator) -> tuple[tuple[float, float], float]:
        """The normal interval of an accuracy of 95% on 20 images, which is a point where all are right (36% of trials)."""
        share = (rng.random(20) < 0.95).mean()
        half = 1.96 * np.sqrt(share * (1 - share) / 20)
        return (share - half, share + half), 0.95

    row = coverage.simulate(coverage.Case("normal", "images", "n=20", draw), 400)
    assert 0.5 < row["coverage"] < 0.75 and row["printed"] == 400


def test_the_number_by_chance_is_that_of_random_words(load: Load) -> None:
    """On clustered images, random words are above 0.5 far more often than one in 40; swapped classes tell how often."""
    coverage = load("interval_coverage")
    rng = np.random.default_rng(0)
    found = [coverage.simulate_random_words(rng, 8, 3, 1)["above"] for _ in range(40)]
    above, expected = ([one[name] for one in found] for name in ("found", "expected"))
    error = np.std(np.subtract(above, expected), ddof=1) / np.sqrt(40)
    assert np.mean(above) == pytest.approx(np.mean(expected), abs=3 * error)
    assert np.mean(above) > 4 * 24 / 40
    assert np.mean([one["noise"] for one in found]) >= 0.85


def test_all_committed_intervals_hold(load: Load) -> None:
    coverage = load("interval_coverage")
    results = json.loads((ROOT / "benchmarks" / "results" / "interval_coverage.json").read_text("utf-8"))
    assert {(row["interval"], row["case"]) for row in results["cases"]} == {
        (case.interval, case.name) for case in coverage.list_cases()
    }
    for row in results["cases"]:
        assert row.get("coverage", 1) >= coverage.LEAST, row
        assert row.get("flagged", 0) <= 0.07, row
    for row in results["chance"]:
        assert row["found"] == pytest.approx(row["by_chance"], rel=0.15) and row["found"] > 2 * row["one_in_40"]
        assert row["called_noise"] >= 0.9
    page = (ROOT / "docs" / "evaluating.md").read_text("utf-8")
    assert f"{coverage.BEGIN}\n{coverage.render(results)}\n{coverage.END}" in page
