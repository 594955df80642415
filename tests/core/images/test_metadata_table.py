from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.images.metadata_table import list_ends, read_metadata_table, split_path
from bioclip_x.images.sources import expand_sources
from bioclip_x.records import Source


def written(folder: Path, text: str | bytes, name: str = "sites.csv") -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def sites(table: Path, *names: str) -> list[object]:
    """The site that the table gives each image."""
    read = read_metadata_table(table)
    sources = [Source(name, Path(name)) for name in names]
    return [source.metadata.get("site") for source in read.add_to(sources, read.find_shared(sources))]


def test_paths_relative_to_the_table_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tables").mkdir()
    monkeypatch.chdir(tmp_path)
    table = written(tmp_path / "tables", "path,site\n../photos/a.jpg,wood\n./b.jpg,lake\nc.jpg,moor\n")
    assert sites(table, "photos/a.jpg", "tables/b.jpg", "elsewhere/c.jpg", "d.jpg") == ["wood", "lake", "moor", None]
    assert sites(table, str(tmp_path / "photos" / "a.jpg")) == ["wood"]


def test_paths_as_given_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tables").mkdir()
    monkeypatch.chdir(tmp_path)
    table = written(tmp_path / "tables", "file_name,site\nphotos/1/a.jpg,wood\nphotos\\2\\a.jpg,lake\n")
    assert sites(table, "photos/1/a.jpg", "photos/2/a.jpg", "photos/3/a.jpg") == ["wood", "lake", None]


def test_a_row_of_another_folder_is_of_another_image(tmp_path: Path) -> None:
    table = written(tmp_path, "path,site\n1/a.jpg,wood\n")
    assert sites(table, "/data/2/a.jpg") == [None]
    moved = written(tmp_path, "path,site\nC:\\traps\\1\\a.jpg,wood\nC:\\traps\\2\\a.jpg,lake\nC:\\traps\\b.jpg,moor\n")
    assert sites(moved, "/data/2/a.jpg", "/data/3/a.jpg", "/data/b.jpg") == ["lake", None, "moor"]


def test_ambiguous_names_are_of_no_image(tmp_path: Path) -> None:
    table = written(tmp_path, "path,site\nb.jpg,lake\na.jpg,wood\n")
    read = read_metadata_table(table)
    sources = [Source(name, Path(name)) for name in ("/1/a.jpg", "/2/a.jpg", "/2/b.jpg")]
    found = list(read.add_to(sources, read.find_shared(sources)))
    assert [source.metadata for source in found] == [{}, {}, {"site": "lake"}]
    assert read.describe() == (
        "sites.csv: 2 images whose file name is that of several rows or images, without metadata: a.jpg; 1 row of no image"
    )


@pytest.mark.parametrize("column", ["id", "image_id", "media_id", "mediaID"])
def test_ids_are_stems_or_names(tmp_path: Path, column: str) -> None:
    table = written(tmp_path, f"{column};site\nm1;wood\nm2.jpg;lake\n")
    assert sites(table, "x/m1.jpg", "x/m2.jpg", "x/m3.jpg") == ["wood", "lake", None]
    assert sites(table, "x/m1.jpg", "y/m1.jpg") == [None, None]


def test_the_first_columns_name_the_image_and_the_others_are_kept(tmp_path: Path) -> None:
    table = written(tmp_path, "mediaID,filePath,fileName,site\nm1,https://e.org/9,a.jpg,wood\n", "media.csv")
    read = read_metadata_table(table)
    assert read.find(Source("x/a.jpg", Path("x/a.jpg"))) == {"mediaID": "m1", "site": "wood"}
    assert read.find(Source("https://e.org/9", url="https://e.org/9")) == {"mediaID": "m1", "site": "wood"}


def test_precedence_and_counts(tmp_path: Path) -> None:
    images = written(tmp_path, "path,site\na.jpg,own\nb.jpg,\nc.jpg,\n", "images.csv")
    read = read_metadata_table(written(tmp_path, "path,site,lat\na.jpg,wood,1\nb.jpg,lake,2\nz.jpg,moor,3\n,x,4\n"))
    found = [dict(source.metadata) for source in read.add_to(expand_sources([images]))]
    assert found == [{"site": "own", "latitude": 1.0}, {"site": "lake", "latitude": 2.0}, {}]
    assert read.describe() == "sites.csv: 1 of 3 images without a row; 1 row of no image; 1 row without a name"


def test_rows_of_one_image_that_differ(tmp_path: Path) -> None:
    table = written(tmp_path, "path,site,sex\na.jpg,wood,f\n./a.jpg,wood,m\nb.jpg,lake,f\nb.jpg,lake,f\n")
    read = read_metadata_table(table)
    found = [dict(s.metadata) for s in read.add_to(Source(n, tmp_path / n) for n in ("a.jpg", "b.jpg"))]
    assert found == [{"site": "wood"}, {"site": "lake", "sex": "f"}]
    assert read.describe() == "sites.csv: 1 image of which several rows differ; left out: sex"


def test_parquet_and_typed_columns(tmp_path: Path) -> None:
    from datetime import datetime

    table = pa.table({"path": ["a.jpg"], "timestamp": [datetime(2024, 5, 12, 7, 30)], "lat": [5.0], "n": [3]})
    pq.write_table(table, tmp_path / "t.parquet")
    found = read_metadata_table(tmp_path / "t.parquet").find(Source("a.jpg", tmp_path / "a.jpg"))
    assert found == {"date": "2024-05-12T07:30:00", "latitude": 5.0, "n": 3.0}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "t.csv",
            b"species,count\nParus,1\n",
            "expected a column that names the image .* got the columns species, count",
        ),
        ("t.csv", b"", "got the columns none"),
        ("t.csv", b"path,x\n\xff\xfe\xfd,1\n", "line 2: not valid utf-8"),
        ("t.csv", b"path,x\na.jpg,\xe9\n", "line 2: not valid utf-8"),
        ("t.csv", b'path\n"a.jpg\n', "line 2: not valid CSV: a quote is opened"),
        ("t.csv", b"path\na\0.jpg\n", "line 2: a NUL byte"),
        ("t.parquet", b"no", "the table cannot be read"),
        ("missing.csv", None, "the table cannot be read: No such file"),
    ],
)
def test_unusable_tables(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        written(tmp_path, content, name)
    with pytest.raises(RecipeError, match=reason) as raised:
        read_metadata_table(tmp_path / name)
    assert str(raised.value).startswith(f"metadata {tmp_path / name}: ") and "\n" not in str(raised.value)


def test_many_rows_in_any_order(tmp_path: Path) -> None:
    names = [f"{i % 7}/{i}.jpg" for i in range(20_000)]
    shuffled = random.Random(0).sample(names, len(names))
    table = written(tmp_path, "path,site\n" + "".join(f"{name},{name[:1]}\n" for name in shuffled))
    assert sites(table, *names) == [name[:1] for name in names]


def test_paths_and_their_ends() -> None:
    assert split_path("../x/a.jpg") == (("x", "a.jpg"), False) and split_path("/a.jpg")[1]
    assert list_ends("C:\\x\\a.jpg") == [("C:", "x", "a.jpg"), ("x", "a.jpg"), ("a.jpg",)]
