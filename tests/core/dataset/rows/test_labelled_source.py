"""Data sets that bring their own classes, as sources of images."""

from __future__ import annotations

from pathlib import Path

import pytest

import published_layouts as layouts
from bioclip_x.dataset.rows.labelled_source import LabelledSource
from bioclip_x.errors import DatasetError
from bioclip_x.hooks.registry import create_registry


def make(name: str, **options: object) -> LabelledSource:
    return LabelledSource(create_registry().make("datasets", name, options))


def test_rows_have_the_lineages_of_its_own_classes(tmp_path: Path) -> None:
    root = layouts.lay_inat21(tmp_path)
    source = make("inat21", root=root)
    before = source.revision()
    rows = [row for table in source.tables() for row in table.to_pylist()]
    magpies = [row for row in rows if row["species"] == "Pica hudsonia"]
    assert magpies and all(Path(row["image"]).is_file() for row in rows)
    assert (magpies[0]["name"], magpies[0]["rank"], magpies[0]["family"]) == ("Pica hudsonia", "species", "Corvidae")
    assert magpies[0]["source_id"].startswith("04042_") and "not commercial" in magpies[0]["licence"]
    assert len({row["source_id"] for row in rows}) == len(rows) and not any(row["problem"] for row in rows)
    assert make("inat21", root=root).revision() == before
    Path(magpies[0]["image"]).unlink()
    assert make("inat21", root=root).revision() != before


def test_plain_labels_are_names(tmp_path: Path) -> None:
    rows = [row for table in make("cub", root=layouts.lay_cub(tmp_path)).tables() for row in table.to_pylist()]
    assert {row["name"] for row in rows} >= {"Laysan Albatross"} and {row["species"] for row in rows} == {""}


def test_other_data_sets_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Parus major").mkdir()
    with pytest.raises(DatasetError, match=r"image-folder.* is no source of images: it brings no classes of its own"):
        make("image-folder", path=tmp_path).revision()
    with pytest.raises(DatasetError, match="nowhere"):
        list(make("inat21", root=tmp_path / "nowhere").tables())
