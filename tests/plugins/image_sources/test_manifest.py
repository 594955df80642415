"""Tables of images: names of columns, paths, broken files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from bioclip_x.plugin import DatasetError
from bioclip_x_plugins.image_sources.columns import find_columns
from bioclip_x_plugins.image_sources.manifest import Manifest
from plugins.image_sources.layouts import PIXEL, lay_manifest, read, write


def test_rows_are_completed_and_every_image_is_accounted_for(tmp_path: Path) -> None:
    root = lay_manifest(tmp_path)
    source = Manifest(path=root / "images.csv", images=root / "photos")
    first, second, gone, url, extra = read(source)
    assert (first["source_id"], first["image"], first["name"]) == ("a.jpg", str(root / "photos/a.jpg"), "Pica hudsonia")
    assert (first["species"], first["licence"], first["rights_holder"]) == ("Pica hudsonia", "cc-by", "Jane Doe")
    assert (second["name"], second["rank"], second["species"]) == ("Parus major", "species", "Parus major")
    assert gone["problem"] == "its image file does not exist" and gone["source_id"] == "gone.jpg"
    assert url["image"] == url["source_id"] == "https://example.org/c.jpg" and not url["problem"]
    assert extra["image"] == str(root / "photos/extra.png") and "no row" in extra["problem"]
    assert source.notes() == [
        "1 row cannot be used: its image file does not exist: gone.jpg",
        "1 row cannot be used: no row of the metadata names this image file: extra.png",
    ]


def test_files_that_no_row_names_are_told_on_request_alone(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.csv": "path,label\na.jpg,Parus major\n", "a.jpg": PIXEL, "b.jpg": PIXEL})
    assert len(read(Manifest(path=root / "a.csv"))) == 1
    assert len(read(Manifest(path=root / "a.csv", unlisted="tell"))) == 2
    assert len(read(Manifest(path=root / "a.csv", images=root, unlisted="ignore"))) == 1


@pytest.mark.parametrize("path", ["../out.jpg", "/etc/passwd", "sub/../../a.jpg"])
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"a.csv": f"path,label\na..b.jpg,x\n{path},Parus major\n"})
    with pytest.raises(DatasetError, match=r"a\.csv, row 2: .* is outside of"):
        read(Manifest(path=tmp_path / "a.csv"))


def test_absolute_paths_within_the_folder_are_used(tmp_path: Path) -> None:
    write(tmp_path, {"a.jpg": PIXEL, "a.csv": f"path,label\n{tmp_path / 'a.jpg'},Parus major\n"})
    [row] = read(Manifest(path=tmp_path / "a.csv", images=tmp_path))
    assert row["image"] == str(tmp_path / "a.jpg") and not row["problem"]


def test_repeated_identifiers_are_told_and_stay_unique(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "id,path,label\n7,a.jpg,x\n7,b.jpg,x\n7#2,c.jpg,x\n7,d.jpg,x\n"})
    source = Manifest(path=tmp_path / "a.csv")
    rows = read(source)
    assert [row["source_id"] for row in rows] == ["7", "7#3", "7#2", "7#4"]
    assert [bool(row["problem"]) for row in rows] == [False, True, False, True]
    assert source.notes() == ["2 rows cannot be used: its identifier is that of an earlier row: 7#3, 7#4"]


def test_rows_of_other_lengths_are_rows_with_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "path,label\na.jpg,x\nb.jpg\nc.jpg,x,y\nd.jpg,x\n"})
    rows = read(Manifest(path=tmp_path / "a.csv"))
    assert [row["source_id"] for row in rows] == ["a.jpg", "d.jpg", "a.csv, row 3", "a.csv, row 4"]
    assert [bool(row["problem"]) for row in rows] == [False, False, True, True]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz", "parquet"])
def test_formats_give_the_same_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    separator = "\t" if suffix == "tsv" else ","
    text = (
        "\n".join(separator.join(cells) for cells in (("path", "sci_name", "year"), ("1.jpg", "Œdicnème", "2020")))
        + "\n"
    )
    if suffix == "parquet":
        parquet.write_table(pa.table({"path": ["1.jpg"], "sci_name": ["Œdicnème"], "year": [2020]}), path)
    else:
        path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    [row] = read(Manifest(path=path))
    assert (row["source_id"], row["name"]) == ("1.jpg", "Œdicnème")


def test_marks_of_encodings_and_quoted_line_breaks_are_read(tmp_path: Path) -> None:
    text = 'path,name,caption\na.jpg,"Parus major","a bird,\nin a tree"\n'
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "a.csv").write_bytes(text.encode(encoding))
        [row] = read(Manifest(path=tmp_path / "a.csv"))
        assert (row["name"], row["text"]) == ("Parus major", "a bird,\nin a tree")


def test_numbers_in_parquet_are_identifiers_and_lists_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"id": [7, 8], "url": ["https://a/1.jpg", None], "name": ["x", "y"]}), path)
    assert [(row["source_id"], row["image"]) for row in read(Manifest(path=path))] == [
        ("7", "https://a/1.jpg"),
        ("8", ""),
    ]
    parquet.write_table(pa.table({"url": ["https://a/1.jpg"], "name": [["x"]]}), path)
    with pytest.raises(DatasetError, match=r"the column name is of the type list.*expected texts or numbers"):
        read(Manifest(path=path))


def test_columns_are_found_by_their_names_or_as_told(tmp_path: Path) -> None:
    columns = ["Image_URL", "dwc:scientificName", "Cls", "Copyright Owner", "LICENSE", "foto", "taxon"]
    expected = {
        "url": "Image_URL", "name": "dwc:scientificName", "class": "Cls", "rights_holder": "Copyright Owner", "licence": "LICENSE"
    }  # fmt: skip
    assert find_columns(columns, {}) == expected
    assert find_columns(columns, {"image": "foto", "name": "taxon"})["name"] == "taxon"
    write(tmp_path, {"a.csv": "foto,art\na.jpg,Parus major\n"})
    [row] = read(Manifest(path=tmp_path / "a.csv", columns={"image": "foto", "name": "art"}))
    assert (row["source_id"], row["name"]) == ("a.jpg", "Parus major")
    with pytest.raises(DatasetError, match="'art' is none of source_id"):
        read(Manifest(path=tmp_path / "a.csv", columns={"art": "name"}))
    with pytest.raises(DatasetError, match="has no column kunst"):
        read(Manifest(path=tmp_path / "a.csv", columns={"image": "foto", "name": "kunst"}))


BROKEN = [
    ("a.csv", b"", "is empty"),
    ("a.csv", b"file,habitat\na.jpg,wood\n", "expected a column of names"),
    ("a.csv", b"name,habitat\nParus major,wood\n", "expected a column of images"),
    ("a.csv", b"path,name\na.jpg,Parus\xff\n", "not valid UTF-8"),
    ("a.csv", b"\xff\xfa\x00,name\n", "not valid utf-8"),
    ("a.csv.gz", gzip.compress(b"path,name\n" + b"a.jpg,Parus major\n" * 1000, mtime=0)[:-20], "damaged or incomplete"),
    ("a.parquet", b"PAR1 but no more", "cannot be read as a table"),
    ("a.csv", b"path,path,name\na,b,c\n", "two columns path"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_broken_tables_are_told_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message) as error:
        read(Manifest(path=tmp_path / name))
    assert name in str(error.value) and "\n" not in str(error.value)


def test_many_rows_need_little_memory(tmp_path: Path) -> None:
    """Memory is of the batches and 8 bytes per identifier, not of the rows."""
    rows = "".join(f"p/{number}.jpg,Parus major,some words that take room\n" for number in range(200_000))
    (tmp_path / "a.csv").write_text("path,name,caption\n" + rows)
    source = Manifest(path=tmp_path / "a.csv")
    before = pa.total_allocated_bytes()
    count = most = largest = 0
    for table in source.tables():
        count, largest = count + len(table), max(largest, len(table))
        most = max(most, pa.total_allocated_bytes() - before)
    assert count == 200_000 and largest <= 8192 and most < 40 << 20
