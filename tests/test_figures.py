"""Figures in documents are those of the committed results."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


RESULTS = ROOT / "benchmarks" / "results" / "field_guide.json"


def field_guide_results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def test_the_field_guides_page_shows_the_results_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "field_guide"))
    page, evaluate = (importlib.import_module(name) for name in ("page", "evaluate"))
    text = (ROOT / "docs" / "field-guide.md").read_text("utf-8")
    shown = text.partition(evaluate.BEGIN)[2].partition(evaluate.END)[0]
    assert shown.strip() == page.table(field_guide_results())


def test_the_embedded_model_is_the_one_that_was_measured() -> None:
    from bioclip_x_plugins.encoders.locate import locate

    assert field_guide_results()["model"]["revision"] == locate("package:bioclip_x_field_guide/model").revision


def test_the_embedded_model_keeps_what_was_promised_of_it() -> None:
    """The least that the field guide must reach on drawings of another seed, and the gate on images of other kinds."""
    results = field_guide_results()
    least = {
        "trained_on": {"taxonomic": 0.90, "descriptors": 0.85, "family": 0.97},
        "never_drawn": {"descriptors": 0.50, "family_descriptors": 0.80},
    }
    for group, shares in least.items():
        for name, share in shares.items():
            assert results["naming"][group][name]["value"] >= share, (group, name)
        wrong = ("swapped", "random_words")
        assert all(
            results["naming"][group]["descriptors"]["value"] > results["naming"][group][w]["value"] for w in wrong
        )
    assert results["faithfulness"]["bare_changed"]["value"] >= 0.90
    assert results["faithfulness"]["bare_other"]["value"] <= 0.60
    for found in results["refused"].values():
        assert found["all"]["value"] >= 0.99


def test_what_the_docs_say_of_swapped_and_random_descriptors_is_what_was_measured() -> None:
    """Bare, descriptors win over all controls beyond the intervals; behind a name, random words do not lose beyond them."""
    never = field_guide_results()["naming"]["never_drawn"]
    for way in ("common", "swapped", "random_words"):
        assert never[way]["interval95_species"][1] < never["descriptors"]["interval95_species"][0], way
    for group in ("trained_on", "never_drawn"):
        found = field_guide_results()["naming"][group]
        random, real = (found[way]["interval95_species"] for way in ("named_random_words", "named_descriptors"))
        assert random[1] >= real[0], group
    assert never["named_swapped"]["value"] >= never["named_descriptors"]["interval95_species"][0]
