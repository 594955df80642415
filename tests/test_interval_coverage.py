"""The committed simulation: every interval that a table prints holds; and one is simulated again, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    import importlib
    import sys

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("interval_coverage")
    for name in ("interval_coverage", "machine"):
        sys.modules.pop(name, None)


def test_every_printed_interval_holds(benchmark) -> None:  # type: ignore[no-untyped-def]
    results = json.loads((ROOT / "benchmarks" / "results" / "interval_coverage.json").read_text("utf-8"))
    held = [row for row in results["cases"] if "coverage" in row]
    assert len(held) > 150
    assert all(row["coverage"] >= benchmark.LEAST for row in held)
    # With 1,000 trials, 5% of false alarms appear as up to 6.6%.
    assert all(row["flagged"] <= 0.066 for row in held if "flagged" in row)
    assert benchmark.render(results) in (ROOT / "docs" / "evaluating.md").read_text("utf-8")


def test_the_number_of_random_words_by_chance_is_right(benchmark) -> None:  # type: ignore[no-untyped-def]
    """Class means differ for any text, so that many lie above 0.5; swapped classes say how many."""
    results = json.loads((ROOT / "benchmarks" / "results" / "interval_coverage.json").read_text("utf-8"))
    for row in results["chance"]:
        assert abs(row["found"] / row["by_chance"] - 1) < 0.1 and row["found"] > 3 * row["one_in_40"]


@pytest.mark.parametrize("name", ["n=60, accuracy 0.95", "n=20, 0.05 gained, 0.05 lost"])
def test_a_case_simulated_again(benchmark, name: str) -> None:  # type: ignore[no-untyped-def]
    [case] = [case for case in benchmark.list_cases() if case.name == name]
    row = benchmark.simulate(case, 400)
    assert row["printed"] == 400 and row["coverage"] >= benchmark.LEAST
