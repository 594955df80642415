"""Results are read again as they were written, whatever the format and its options."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import EventImage, Region, Result
from bioclip_x.testing.examples import make_provenance, make_result
from bioclip_x_plugins.sorting.results_files import read_results

REGISTRY = create_registry()
BOX = Region((0.1, 0.2, 0.5, 0.9), "animal", 0.9)
RESULTS = (
    replace(make_result("=a.jpg"), region=BOX, n_regions=2, event="e"),
    replace(make_result("=a.jpg", "Parus ater"), region=BOX, region_number=1, n_regions=2, event="e"),
    replace(make_result("e"), event="e", images=(EventImage("=a.jpg", 0, 0.9, 1.0),)),
    Result("b,;\n.jpg", error="it is not an image"),
    Result("c.jpg", refused="a person"),
    replace(make_result("d.jpg"), predictions=make_result().predictions * 3),
)
FORMATS = (
    ("csv", {}), ("csv", {"separator": ";", "decimal": ",", "bom": True, "safe": True}), ("csv", {"separator": "tab"}),
    ("tsv", {"separator": "tab"}),
    ("csv", {"separator": " "}), ("csv", {"separator": "|"}),
    ("parquet", {}), ("json", {}), ("jsonl", {}),
)  # fmt: skip


@pytest.mark.parametrize(("name", "options"), FORMATS)
def test_every_format(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / f"o.{name}"
    with REGISTRY.make("reports", "csv" if name == "tsv" else name, options).open(path, make_provenance()) as writer:
        for result in RESULTS:
            writer.write(result)
    first, second, event, broken, person, best = read_results(path)
    assert (first.source, first.level, first.event, first.rank, first.name) == (
        "=a.jpg", "region", "e", "species", "Parus major",
    )  # fmt: skip
    assert dict(first.lineage) == {"class": "Aves", "family": "Paridae", "genus": "Parus", "species": "Parus major"}
    assert first.common_name == "great tit" and first.probability == 0.9
    assert second.name == "Parus ater" and (event.level, event.event) == ("event", "e")
    assert (broken.source, broken.reason, broken.failed) == ("b,;\n.jpg", "it is not an image", True)
    assert broken.name == "" and math.isnan(broken.probability)
    assert (person.reason, person.failed) == ("a person", False)
    assert best.source == "d.jpg"


def test_pybioclips_own_table(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(
        "file_name,genus,species,common_name,score\na.jpg,Parus,Parus major,great tit,0.8\n", "utf-8"
    )
    (one,) = read_results(tmp_path / "o.csv")
    assert (one.name, one.rank, one.probability) == ("Parus major", "species", 0.8)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("o.txt", b"", "expected a file of results, .csv, "),
        ("o.csv", b"name,age\nx,1\n", "begins with the column file_name"),
        ("o.csv", b"file_names,score\nx,1\n", "begins with the column file_name"),
        ("o.csv", b"file_name\nx\n", "begins with the column file_name"),
        ("o.csv", b"file_name,score\n\"a", "not valid CSV"),
        ("o.csv", b"file_name,score\n\xff\xfe,1\n", "not in UTF-8"),
        ("o.json", b"[1]", "expected"),
        ("o.json", b"{", "not valid JSON"),
        ("o.json", b'{"results": [{"source": 1}]}', "result 1: expected a result"),
        ("o.jsonl", b'{"provenance": {}}\n[]\n', "line 2: expected a result"),
        ("o.parquet", b"PAR1", "cannot be read as Parquet"),
    ],
)  # fmt: skip
def test_files_that_are_no_results(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BioclipXError, match=told):
        list(read_results(tmp_path / name))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BioclipXError, match="does not exist"):
        list(read_results(tmp_path / "o.csv"))
    (tmp_path / "o.json").mkdir()
    with pytest.raises(BioclipXError, match="is a folder"):
        list(read_results(tmp_path / "o.json"))
