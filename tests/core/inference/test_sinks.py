from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x import Classifier, ComponentSpec, hookimpl
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import LogitAdjustmentCapabilities
from bioclip_x.hooks.registry import create_registry
from bioclip_x.inference.sinks import find_report, make_report
from bioclip_x_plugins.reports.tables.csv_report import CsvReport
from helpers import picture


class OtherCsv(CsvReport):
    pass


class Darwin:
    """A plugin."""

    @hookimpl
    def reports(self) -> list[ComponentSpec]:
        return [ComponentSpec("darwin", "occurrences", f"{__name__}:OtherCsv")]


def test_two_reports_for_one_suffix_are_told() -> None:
    registry = create_registry([Darwin()])
    with pytest.raises(
        RecipeError,
        match=r"'csv' of plugin 'builtin' .* and the report 'darwin' of plugin .* --format NAME: csv or darwin",
    ):
        find_report(registry, Path("a.csv"), "--output")
    assert type(find_report(registry, Path("a.html"))).__name__ == "HtmlReport"
    assert type(make_report(registry, "csv", Path("a.csv"))).__name__ == "CsvReport"


class Season:
    """Sees what a source knows, and says so."""

    capabilities = LogitAdjustmentCapabilities(image_notes=True)

    def offsets(self, taxonomy, sources):  # type: ignore[no-untyped-def]
        import torch

        return torch.zeros(taxonomy.n_classes)

    def notes(self, taxonomy):  # type: ignore[no-untyped-def]
        return []

    def image_notes(self, taxonomy, sources):  # type: ignore[no-untyped-def]
        return [[f"site {one.metadata['site']}"] if "site" in one.metadata else [] for one in sources]


def test_metadata_reaches_adjustments_results_and_reports(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    picture(0).save(tmp_path / "a.png")
    table = tmp_path / "images.csv"
    table.write_text("path,site,latitude\na.png,wood,51.25\n", "utf-8")
    results = Classifier(tiny_model, taxonomy=birds_csv, adjust=[Season()])([str(table), picture(1)])
    assert results[0].metadata == {"site": "wood", "latitude": 51.25} and results[1].metadata == {}
    assert results[0].notes == ("site wood",) and results[1].notes == ()
    for name in ("a.json", "a.jsonl", "a.csv"):
        results.write(tmp_path / name)
        assert "51.25" in (tmp_path / name).read_text("utf-8")
    assert results.to_arrow()["metadata"].to_pylist()[0] == '{"site": "wood", "latitude": 51.25}'
    for kind in ("html", "markdown"):
        results.write(tmp_path / "page", format=kind)
        assert "51.25" not in (tmp_path / "page").read_text("utf-8"), kind
        results.write(tmp_path / "page", format=f"{kind}:metadata=true")
        assert "51.25" in (tmp_path / "page").read_text("utf-8"), kind
