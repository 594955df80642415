"""The figures on docs/heat-maps.md are those of the committed results, of the model that is embedded."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "field_guide"))
    return importlib.import_module("heat_maps")


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks/results/field_guide_heat_maps.json").read_text("utf-8"))
    return found


def test_the_page_shows_the_results_file(benchmark: ModuleType, results: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "heat-maps.md").read_text("utf-8")
    shown = text.partition(benchmark.BEGIN)[2].partition(benchmark.END)[0]
    assert shown.strip() == benchmark.table(results)


def test_the_embedded_model_is_the_one_that_was_measured(results: dict[str, Any]) -> None:
    from bioclip_x_plugins.encoders.locate import locate

    assert results["model"]["revision"] == locate("package:bioclip_x_field_guide/model").revision


@pytest.mark.parametrize("group", ["trained_on", "never_drawn"])
def test_maps_lie_on_their_traits_more_than_chance_and_than_other_maps(group: str, results: dict[str, Any]) -> None:
    """What the page says: all intervals, over species, are clear of 1."""
    found = results[group]
    assert found["times_chance"]["own"]["interval95_species"][0] > 2
    assert found["times_other"]["interval95_species"][0] > 1.5
    assert found["times_chance"]["plain"]["interval95_species"][1] < 1


def test_the_mass_of_a_map_is_counted_by_the_part_of_each_patch_that_is_covered(benchmark: ModuleType) -> None:
    side = benchmark.SIZE
    mask = np.zeros((side, side), bool)
    mask[: side // 2, : side // 4] = True  # of 2 x 2 patches half of the first
    cover_hw = benchmark.cover(mask, 2, 2)
    assert cover_hw.tolist() == [[0.5, 0.0], [0.0, 0.0]]
    assert benchmark.mass_on(np.array([[3.0, 1.0], [-5.0, 0.0]]), cover_hw) == pytest.approx(3 * 0.5 / 4)
    assert benchmark.mass_on(np.ones((2, 2)), cover_hw) == pytest.approx(mask.mean())
    assert benchmark.mass_on(-np.ones((2, 2)), cover_hw) == 0
