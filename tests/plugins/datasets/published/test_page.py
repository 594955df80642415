"""docs/data-sets.md is up to date with the readers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bioclip_x.hooks.registry import create_registry

DOCS = Path(__file__).parents[4] / "docs"


def test_the_table_of_data_sets_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("data_set_table", DOCS / "data_set_table.py")
    assert spec and spec.loader
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    page = (DOCS / "data-sets.md").read_text("utf-8")
    assert writer.make_page(page, create_registry()) == page, "run python docs/data_set_table.py"
