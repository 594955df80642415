from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bioclip_x.errors import ImageError
from bioclip_x.images.places.tables import is_table, read_table
from bioclip_x.images.sources import check_sources, expand_sources


def listed(path: Path) -> list[tuple[str, str]]:
    return [(source.name, source.error) for source in expand_sources([path])]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "id,path\n1,a.jpg\n2,below/b.jpg\n"),
        ("t.csv", "\ufeffPath;id\na.jpg;1\nbelow/b.jpg;2\n"),
        ("t.tsv", "id\tfile_name\n1\ta.jpg\n2\tbelow/b.jpg\n"),
        ("t.csv", 'note,image\n"one, two",a.jpg\n\n"""x""", below/b.jpg \n'),
    ],
)
def test_text_tables(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert listed(tmp_path / name) == [(str(tmp_path / "a.jpg"), ""), (str(tmp_path / "below/b.jpg"), "")]


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"n": [1, 2], "path": ["a.jpg", None], "url": ["x", "https://e.org/b.jpg"]}), tmp_path / "t.pq"
    )
    assert listed(tmp_path / "t.pq") == [(str(tmp_path / "a.jpg"), ""), ("https://e.org/b.jpg", "")]


def test_urls_and_rows_without_either(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("url,id\nhttps://e.org/a.jpg?x=1,1\n,2\ns3://bucket/c.jpg,3\n")
    found = list(read_table(str(tmp_path / "t.csv")))
    assert [source.url for source in found] == ["https://e.org/a.jpg?x=1", "", "s3://bucket/c.jpg"]
    assert found[1].name.endswith("t.csv, row 2") and found[1].error == "the row has no path and no URL"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\n/data/a.jpg\n")
    assert listed(tmp_path / "t.csv") == [("/data/a.jpg", "")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.csv", b"species,count\nParus,1\n", "column path or url, got the columns species, count"),
        ("t.csv", b"", "got the columns none"),
        ("t.csv", b"path,x\n\xff\xfe\xfd,1\n", "line 2: not valid utf-8"),
        ("t.csv", b'path\n"a.jpg\n', "line 2: not valid CSV: a quote is opened"),
        ("t.parquet", b"no", "the table cannot be read"),
    ],
)
def test_unusable_tables(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    [source] = expand_sources([tmp_path / name])
    assert reason in source.error and source.name == str(tmp_path / name)
    with pytest.raises(ImageError, match=reason):
        check_sources([tmp_path / name])


def test_rows_are_read_as_they_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("path\n" + "a.jpg\n" * 200_000 + '"')
    rows: Iterator[object] = read_table(str(path))
    assert next(rows) is not None  # the unclosed quote at the end is not reached


def test_tables_are_told_by_suffix() -> None:
    assert is_table("https://e.org/t.CSV?download=1") and is_table("t.pq") and not is_table("t.txt")
