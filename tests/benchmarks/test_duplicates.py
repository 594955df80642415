"""Duplicates: the committed results, their tables, and the peak memory that is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
Load = Callable[[str], ModuleType]


def test_results_equal_all_pairs_and_are_the_tables_of_the_page(load: Load) -> None:
    duplicates = load("duplicates")
    results = json.loads(duplicates.RESULTS.read_text("utf-8"))
    by_distance = results["photos"]["perceptual"]["by_distance"]
    assert [int(bits) for bits in by_distance if by_distance[bits]["equal_to_all_pairs"]] == list(range(9))
    assert results["photos"]["semantic_pixels"]["of_one_cluster_differing_from_all_pairs"] == 0
    assert max(row["peak_rss_gib"] for row in results["scale"]) < 8
    assert duplicates.make_tables(results) in duplicates.PAGE.read_text("utf-8")
