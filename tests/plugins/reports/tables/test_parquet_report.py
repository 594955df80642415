"""The parquet report: the very rows of csv, typed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.records import Prediction, Provenance, Result, Step, Taxon
from bioclip_x_plugins.reports.tables.csv_report import CsvReport
from bioclip_x_plugins.reports.tables.parquet_report import ROW_GROUP, ParquetReport

NUMBERS = {"score", "margin", "box_left", "box_top", "box_right", "box_bottom", "detection_confidence"}
INTEGERS = {"region_number", "n_regions"}


def written(report: Any, path: Path, provenance: Provenance, results: list[Result]) -> Path:
    with report.open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    return path


def _parse(name: str, text: str) -> Any:
    return float(text) if name in NUMBERS else int(text) if name in INTEGERS else text


def both(folder: Path, provenance: Provenance, results: list[Result]) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The parquet file's table, and the rows of the csv file, blanks as None and numbers as such."""
    table = pq.read_table(written(ParquetReport(), folder / "o.parquet", provenance, results))
    with written(CsvReport(), folder / "o.csv", provenance, results).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [{name: _parse(name, text) if text else None for name, text in row.items()} for row in reader]
    assert table.column_names == reader.fieldnames
    return table, rows


def test_the_rows_of_csv_one_by_one(
    provenance: Provenance, blue_tit: Result, goldfinch: Result, unreadable: Result, refused: Result, tmp_path: Path
) -> None:
    table, rows = both(tmp_path, provenance, [blue_tit, unreadable, goldfinch, refused])
    assert table.to_pylist() == rows and len(rows) == 5
    assert table["error"].to_pylist()[2] == unreadable.error and table["score"].null_count == 2


def test_regions_and_events(provenance: Provenance, two_boxes: list[Result], tmp_path: Path) -> None:
    table, rows = both(tmp_path, provenance, two_boxes)
    assert table.to_pylist() == rows
    assert table["region_number"].to_pylist() == [0, 0, 1, None, None] and table["box_top"].to_pylist()[:3] == [
        0.2,
        0.2,
        0.1,
    ]


def test_hostile_names_survive(provenance: Provenance, hostile: list[Result], tmp_path: Path) -> None:
    table, rows = both(tmp_path, provenance, hostile)
    assert table.to_pylist() == rows


def test_labels_and_other_ranks(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    cat = Prediction(Taxon("", "cat", (("", "cat"),)), 0.7, (Step("", "cat", 0.7),))
    table, rows = both(tmp_path, replace(provenance, ranks=()), [Result("a.jpg", predictions=(cat,))])
    assert table.to_pylist() == rows and table.column_names[:3] == ["file_name", "classification", "score"]
    by_family = replace(provenance, recipe={**provenance.recipe, "rank": "family"})
    table, rows = both(tmp_path, by_family, [blue_tit])
    assert table.to_pylist() == rows and "species" not in table.column_names


def test_columns_are_typed_even_where_they_are_blank(provenance: Provenance, tmp_path: Path) -> None:
    table, _ = both(tmp_path, provenance, [])
    assert table.num_rows == 0
    assert {field.name for field in table.schema if field.type == pa.float64()} == NUMBERS
    assert {field.name for field in table.schema if field.type == pa.int64()} == INTEGERS
    assert {field.type for field in table.schema if field.name not in NUMBERS | INTEGERS} == {pa.string()}


def test_numbers_that_are_none_are_null(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    lost = replace(blue_tit, predictions=(replace(blue_tit.predictions[0], probability=float("nan")),))
    table, _ = both(tmp_path, provenance, [lost])
    assert table["score"].to_pylist() == [None]


def test_provenance_is_inside(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    file = written(ParquetReport(), tmp_path / "o.parquet", provenance, [blue_tit])
    told = json.loads(pq.read_schema(file).metadata[b"bioclip_x.provenance"])
    assert told["recipe"] == provenance.recipe and told["notes"] == list(provenance.notes)
    assert [path.name for path in tmp_path.iterdir()] == ["o.parquet"]


def test_rows_are_written_in_groups(provenance: Provenance, tmp_path: Path) -> None:
    pictures = [Result(f"{number}.jpg", error="empty") for number in range(2 * ROW_GROUP + 7)]
    file = pq.ParquetFile(written(ParquetReport(), tmp_path / "o.parquet", provenance, pictures))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [ROW_GROUP, ROW_GROUP, 7]
    assert file.read()["file_name"].to_pylist() == [picture.source for picture in pictures]


def test_pandas_reads_it(provenance: Provenance, blue_tit: Result, unreadable: Result, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(written(ParquetReport(), tmp_path / "o.parquet", provenance, [blue_tit, unreadable]))
    assert frame["species"].tolist()[:2] == ["Cyanistes caeruleus", "Parus major"]
    assert frame["score"].dtype == "float64" and frame["score"].isna().tolist() == [False, False, True]


def test_standard_output_gets_the_same_bytes(
    provenance: Provenance, blue_tit: Result, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = written(ParquetReport(), tmp_path / "o.parquet", provenance, [blue_tit])
    with ParquetReport().open(None, provenance) as writer:
        writer.write(blue_tit)
    assert capfdbinary.readouterr().out == file.read_bytes()


def test_a_broken_run_gives_a_pipe_no_footer(
    provenance: Provenance, blue_tit: Result, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with pytest.raises(KeyboardInterrupt), ParquetReport().open(None, provenance) as writer:
        writer.write(blue_tit)
        raise KeyboardInterrupt
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(pa.BufferReader(capfdbinary.readouterr().out))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named(provenance: Provenance, blue_tit: Result) -> None:
    with pytest.raises(BioclipXError, match="/dev/full cannot be written: No space left on device"):
        written(ParquetReport(), Path("/dev/full"), provenance, [blue_tit])
