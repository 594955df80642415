"""Figures in documents are those of the committed results."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_field_guides_page_shows_the_results_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("evaluate", ROOT / "benchmarks" / "field_guide" / "evaluate.py")
    assert spec and spec.loader
    evaluate = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "evaluate", evaluate)
    spec.loader.exec_module(evaluate)
    results = json.loads(evaluate.RESULTS.read_text())
    shown = evaluate.PAGE.read_text("utf-8").partition(evaluate.BEGIN)[2].partition(evaluate.END)[0]
    assert shown.strip() == evaluate.table(results)


def test_the_embedded_model_is_the_one_that_was_measured() -> None:
    from bioclip_x_plugins.encoders.locate import locate

    results = json.loads((ROOT / "benchmarks" / "results" / "field_guide.json").read_text())
    assert results["model"]["revision"] == locate("field-guide").revision


def test_the_embedded_model_keeps_what_was_promised_of_it() -> None:
    """The least that the field guide must reach on drawings of another seed, and the gate on photographs."""
    results = json.loads((ROOT / "benchmarks" / "results" / "field_guide.json").read_text())
    least = {"species_top1_taxonomic": 0.90, "species_top1_descriptors": 0.85, "family_by_rollup": 0.97}
    for name, share in least.items():
        assert results["drawings"][name]["value"] >= share, name
    assert results["photographs_refused"]["all"]["value"] >= 0.99
