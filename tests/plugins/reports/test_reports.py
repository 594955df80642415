"""What holds for every report."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.records import Provenance, Result

NAMES = ("csv", "html", "json", "jsonl", "markdown", "parquet", "table")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return create_registry()


def test_hook_reports(registry: Registry) -> None:
    assert set(NAMES) <= set(registry.components("reports"))
    suffixes = [
        suffix
        for name in NAMES
        for suffix in get_capabilities(registry.make("reports", name), ReportCapabilities).suffixes
    ]
    assert len(set(suffixes)) == len(suffixes) and all(suffix.startswith(".") for suffix in suffixes)


def test_options_are_checked(registry: Registry) -> None:
    assert registry.make("reports", "table", {"width": 90}).width == 90
    assert registry.make("reports", "html", {"title": "Reserve"}).title == "Reserve"
    with pytest.raises(RecipeError, match="known: strongest, width"):
        registry.make("reports", "table", {"wide": 1})
    with pytest.raises(RecipeError, match="width"):
        registry.make("reports", "table", {"width": 3})


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_run_leaves_what_is_written_under_another_name(
    name: str, registry: Registry, provenance: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), registry.make("reports", name).open(tmp_path / "o", provenance) as writer:
        writer.write(blue_tit)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ([] if name == "html" else ["o.partial"])
    if name == "parquet":
        assert pq.read_table(tmp_path / "o.partial").num_rows == len(blue_tit.predictions)
    elif name != "html":  # whose head tells how many images there are
        assert "Cyanistes caeruleus" in (tmp_path / "o.partial").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_provenance_is_read_back(
    name: str, registry: Registry, provenance: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    provenance = replace(provenance, recipe={**provenance.recipe, "why_not": "</script><!--"})
    report, output = registry.make("reports", name), tmp_path / "o"
    with report.open(output, provenance) as writer:
        writer.write(blue_tit)
    if not get_capabilities(report, ReportCapabilities).reads_provenance:
        assert name in ("table", "markdown")
        return
    found = report.read_provenance(output)
    assert found["revision"] == provenance.revision and found["recipe"]["why_not"] == "</script><!--"
    for text in ("", "a,b\n1,2\n", '{"provenance": 1', "[]\n"):
        output.write_text(text)
        for sidecar in tmp_path.glob("*.provenance.json"):
            sidecar.unlink()
        assert report.read_provenance(output) == {}


@pytest.mark.parametrize("name", NAMES)
def test_an_older_file_stays_until_the_new_one_is_whole(
    name: str, registry: Registry, provenance: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    (tmp_path / "o").write_text("old")
    with registry.make("reports", name).open(tmp_path / "o", provenance) as writer:
        writer.write(blue_tit)
        assert (tmp_path / "o").read_text() == "old"
    assert (tmp_path / "o").read_bytes() != b"old"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_results_give_the_same_bytes(
    name: str, registry: Registry, provenance: Provenance, blue_tit: Result, refused: Result, tmp_path: Path
) -> None:
    for file in ("a", "b"):
        with registry.make("reports", name).open(tmp_path / file, provenance) as writer:
            writer.write(blue_tit)
            writer.write(refused)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow(
    name: str, registry: Registry, provenance: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    def many(count: int) -> Iterator[Result]:
        for number in range(count):
            if number % 50 == 0:
                yield replace(blue_tit, source=f"{number}.jpg")
            else:
                yield Result(f"{number}.jpg", refused="not a drawing", thumbnail=os.urandom(4000))

    before = count_results()
    with registry.make("reports", name).open(tmp_path / "o", provenance) as writer:
        for result in many(1000):  # imports and the first row group are no growth
            writer.write(result)
        tracemalloc.start()
        try:
            for result in many(5000):
                writer.write(result)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        alive = count_results() - before
    assert peak < 1_500_000, f"{peak:,} bytes for 20 MB of results"
    assert alive < 20


def count_results() -> int:
    gc.collect()
    return sum(type(thing) is Result for thing in gc.get_objects())
