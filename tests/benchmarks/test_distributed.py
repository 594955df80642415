"""The arithmetic on a lake of images is right, and the page shows what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
Load = Callable[[str], ModuleType]
RESULTS = {
    "embed_bytes_per_image": 3172.0, "rows_per_image": 5, "classify_bytes_per_image": 200.0,
    "listed_per_second": 50_000.0,
}  # fmt: skip


def test_the_arithmetic(load: Load) -> None:
    """By hand, for 32 GPUs at 1,000 images a second."""
    benchmark = load("distributed")
    found = benchmark.plan(benchmark.Lake(core_seconds=0.02), RESULTS, 32)
    assert found == pytest.approx(
        {
            "hours": 1e9 / 32_000 / 3600,  # 8.7
            "bank_bytes": 1_332_410_880,
            "parts": 15_259,
            "rows": 327_680,
            "part_bytes": 13_107_200,
            "embed_part_bytes": 8192 * 3172,
            "total_bytes": 2e11,
            "embed_total_bytes": 3.172e12,
            "batches_per_part": 256,
            "seconds_per_part": 65.536,
            "store_bytes_per_second": 16e9,
            "cores": 640,
            "driver_bytes_per_second": 6.4e6,
            "embed_driver_bytes_per_second": 32_000 * 3172,
            "listing_hours": 20_000 / 3600,
            "cost_per_million": 1000 / 3600 * 3,
        }
    )


def test_a_rate_leaves_out_what_every_run_takes(load: Load) -> None:
    rate = load("distributed").summarise(100, [[15.0, 25.0], [20.0, 30.0], [10.0, 50.0]])
    assert rate == {"images_per_second": 20.0, "start_and_end_seconds": 10.0}


def test_the_page_shows_the_results(load: Load) -> None:
    benchmark = load("distributed")
    page = (ROOT / "docs" / "beyond-one-machine.md").read_text("utf-8")
    for name, table in benchmark.make_tables().items():
        assert f"<!-- {name}: written by benchmarks/distributed.py -->\n{table}\n<!-- end of {name} -->" in page


def test_what_the_page_says_of_the_results_holds(load: Load) -> None:
    """Two workers on two cores are no faster than one process, within the noise of a machine that others use."""
    benchmark = load("distributed")
    rates = json.loads(benchmark.RESULTS.read_text("utf-8"))["rates"]
    ratio = rates["two workers"]["images_per_second"] / rates["one process"]["images_per_second"]
    assert 0.7 < ratio < 1.4
    assert 0.01 < benchmark.find_core_seconds() < 0.03
