"""The taxonomy of a data set, which training reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from data_set_builds import build, lay_source, write_config, write_rows

pytest.importorskip("duckdb", reason="needs the extra dataset")
pytest.importorskip("imagehash", reason="needs the extra dataset")


def test_a_taxon_above_species_that_are_used_is_no_class_and_one_without_any_is(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 8)
    names = ["Parus major", "Parus", "Aves", "Turdus merula", "Quercus", "Fagaceae", "Parus major", "Cyanistes"]
    write_rows(tmp_path / "park.jsonl", [row | {"name": name} for row, name in zip(rows, names, strict=True)])
    counts, _ = build(write_config(tmp_path, splits={}))
    assert counts["outcomes"]["used"] == 8
    taxonomy = read_taxonomy(create_registry(), tmp_path / "out/taxonomy.csv")
    assert [taxonomy.class_taxon(number).name for number in range(taxonomy.n_classes)] == [
        "Cyanistes", "Parus major", "Turdus merula", "Quercus",
    ]  # fmt: skip
    assert {"Aves", "Parus", "Fagaceae"} <= set(taxonomy.names)
