from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from bioclip_x.dataset.names import RankedTaxonomy, read_corrections, resolve_names, write_review_table
from bioclip_x.dataset.names.given import GIVEN_COLUMNS
from bioclip_x.dataset.names.review import FILLED_IN
from bioclip_x.errors import DatasetError
from bioclip_x.taxonomy import LINNAEAN, Taxonomy, TaxonomyBuilder

ROWS = [
    {"name": "Blaumeise", "family": "Paridae"},
    {"name": "Cyanistes caeruleus"},
    {"name": "=HYPERLINK(1)"},
    {"name": "Nosuch name"},
    {"name": "Cyanistes sp."},
]


def make_taxonomy() -> Taxonomy:
    builder = TaxonomyBuilder()
    names = ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Cyanistes", "Cyanistes caeruleus")
    builder.add_lineage(list(zip(LINNAEAN, names)))
    return builder.build()


def make_given(rows: list[dict[str, str]]) -> pa.Table:
    columns = {column: [row.get(column, "") for row in rows] for column in GIVEN_COLUMNS}
    return pa.table({"key": range(len(rows)), "images": [5, 100, 20, 10, 90][: len(rows)], **columns})


def write(path: Path, most: int = 1000) -> int:
    given = make_given(ROWS)
    return write_review_table(path, given, resolve_names(given, [RankedTaxonomy("a", make_taxonomy)]), most)


def fill_in(path: Path, name: str, **cells: str) -> None:
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    for row in rows:
        if row["name"] == name:
            row.update(cells)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_the_commonest_unresolved_names_come_first(tmp_path: Path) -> None:
    assert write(tmp_path / "review.csv", most=2) == 3
    rows = list(csv.DictReader((tmp_path / "review.csv").read_text("utf-8").splitlines()))
    assert [(row["images"], row["name"], row["status"]) for row in rows] == [
        ("20", "'=HYPERLINK(1)", "lost"),
        ("10", "Nosuch name", "lost"),
    ]
    assert all(row[column] == "" for row in rows for column in FILLED_IN)
    assert rows[1]["why"].startswith("not in a")


def test_a_filled_in_table_corrects_the_rows_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    write(path)
    fill_in(path, "Blaumeise", correct_name="Cyanistes caeruleus", correct_rank="species")
    fill_in(path, "'=HYPERLINK(1)", correct_name="Cyanistes", correct_kingdom="Metazoa")
    corrections = read_corrections(path)
    assert len(corrections) == 2
    told: list[str] = []
    given = make_given([*ROWS[::-1][:3], ROWS[0]])
    resolved = resolve_names(given, [RankedTaxonomy("a", make_taxonomy)], corrections, told.append).to_pylist()
    assert [(one["name"], one["by"]) for one in resolved] == [
        ("Cyanistes", "name"),
        ("", ""),
        ("Cyanistes", "correction"),
        ("Cyanistes caeruleus", "correction"),
    ]
    assert not any("that no source gives" in line for line in told)
    resolve_names(make_given(ROWS[:1]), [RankedTaxonomy("a", make_taxonomy)], corrections, told.append)
    assert any("1 correction " in line and "no source gives: =HYPERLINK(1)" in line for line in told)


def test_a_table_of_other_columns_or_with_two_corrections_of_one_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    path.write_text("name,correct_name\nAus,Bus\n", "utf-8")
    with pytest.raises(DatasetError, match="lack the columns rank, kingdom"):
        read_corrections(path)
    path.write_text("", "utf-8")
    with pytest.raises(DatasetError, match="lack the columns"):
        read_corrections(path)
    header = ",".join((*GIVEN_COLUMNS, "correct_name"))
    blanks = "," * (len(GIVEN_COLUMNS) - 1)
    path.write_text(f"{header}\nAus{blanks},Bus\nAus{blanks},Cus\n", "utf-8")
    with pytest.raises(DatasetError, match="line 3: 'Aus' is corrected twice, to Bus and Cus"):
        read_corrections(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_corrections(tmp_path / "missing.csv")


def test_a_table_saved_by_a_spreadsheet_with_semicolons_is_read(tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    header = ";".join((*GIVEN_COLUMNS, "correct_name"))
    path.write_text(f"\ufeff{header}\r\nAus  bus{';' * (len(GIVEN_COLUMNS) - 1)};Bus cus\r\n", "utf-8")
    [(key, correction)] = read_corrections(path).by_identification.items()
    assert (key[0], correction.name) == ("Aus bus", "Bus cus")


def test_files_without_an_identification_are_not_listed(tmp_path: Path) -> None:
    given = make_given([{}, {"name": "Nosuch name"}])
    resolved = resolve_names(given, [RankedTaxonomy("a", make_taxonomy)])
    assert write_review_table(tmp_path / "review.csv", given, resolved) == 1
    [row] = csv.DictReader((tmp_path / "review.csv").read_text("utf-8").splitlines())
    assert row["name"] == "Nosuch name"
