"""Ten million rows: the committed results, their table, and the memory that is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

Load = Callable[[str], ModuleType]


def test_results_keep_within_the_memory_and_are_the_table_of_the_page(load: Load) -> None:
    scale = load("data_set_scale")
    results = json.loads(scale.RESULTS.read_text("utf-8"))
    assert results["rows"] == 10_000_000 == sum(results["outcomes"].values())
    assert max(results["peak_rss_gb"].values()) < 8 and results["machine"]["cores"] == 2
    assert scale.make_table(results) in scale.PAGE.read_text("utf-8")
