"""Images are read once: what is recorded of each, what is read again, and how rows are divided into tasks."""

from __future__ import annotations

import hashlib
import io
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.images import places
from bioclip_x.dataset.images.reading import IMAGES_PER_TASK, Reader, ReadTask, find_next_number, make_tasks
from bioclip_x.images.files import ImageFiles
from data_set_builds import build, draw, lay_source, read_catalogue, write_config, write_rows

pytest.importorskip("duckdb", reason="needs the extra dataset")
imagehash = pytest.importorskip("imagehash", reason="needs the extra dataset")
pq = pytest.importorskip("pyarrow.parquet")


def read(folder: Path, images: list[tuple[str, str]], hashes: bool = True) -> list[dict[str, object]]:
    task = ReadTask(folder / "images-000000.parquet", tuple((n, *image) for n, image in enumerate(images)))
    counts = Reader(ImageFiles(truncated="refuse"), hashes)(task)
    rows: list[dict[str, object]] = pq.read_table(task.output).to_pylist()
    assert counts == (len(images), sum(bool(row["error"]) for row in rows))
    return rows


def test_what_is_recorded_of_an_image(tmp_path: Path) -> None:
    draw(3, (60, 45)).save(tmp_path / "a.png")
    raw = (tmp_path / "a.png").read_bytes()
    (row,) = read(tmp_path, [(str(tmp_path / "a.png"), "")])
    assert (row["width"], row["height"], row["offset"], row["size"]) == (60, 45, 0, len(raw))
    assert row["sha256"] == hashlib.sha256(raw).digest() and row["error"] == row["note"] == ""
    assert row["phash"] == int(str(imagehash.phash(draw(3, (60, 45)))), 16)
    (row,) = read(tmp_path, [(str(tmp_path / "a.png"), "")], hashes=False)
    assert row["phash"] is None and row["sha256"]


def test_files_that_are_no_images_have_a_reason_in_one_line(tmp_path: Path) -> None:
    draw(3).save(tmp_path / "good.jpg", quality=95)
    draw(4, (300, 200)).save(tmp_path / "whole.jpg")
    bad = {"empty": b"", "text": b"<html>no image</html>", "cut": (tmp_path / "whole.jpg").read_bytes()[:-200]}
    for name, raw in bad.items():
        (tmp_path / f"{name}.jpg").write_bytes(raw)
    names = [*bad, "none", "good"]
    rows = read(tmp_path, [(str(tmp_path / f"{name}.jpg"), "") for name in names])
    for name, row in zip(names, rows, strict=True):
        assert bool(row["error"]) == (name != "good"), name
        assert "\n" not in str(row["error"]) and row["size"] != -1


def test_the_bytes_of_images_in_compressed_archives_are_kept(tmp_path: Path) -> None:
    contents = []
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for number in range(4):
            stream = io.BytesIO()
            draw(number).save(stream, "PNG")
            contents.append(stream.getvalue() if number != 2 else b"no image")
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(contents[-1])
            tar.addfile(info, io.BytesIO(contents[-1]))
    rows = read(tmp_path, [(str(tmp_path / "a.tar.gz"), f"{number}.png") for number in range(4)])
    kept = (tmp_path / "images-000000.bin").read_bytes()
    assert kept == contents[0] + contents[1] + contents[3] and rows[2]["error"]
    for number in (0, 1, 3):
        offset, size = int(str(rows[number]["offset"])), int(str(rows[number]["size"]))
        assert kept[offset : offset + size] == contents[number]


@given(
    counts=st.lists(st.integers(1, 700), max_size=5),
    compressed=st.lists(st.booleans(), min_size=5, max_size=5),
    first=st.integers(0, 3),
)
def test_tasks_hold_each_row_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], compressed: list[bool], first: int
) -> None:
    folder = tmp_path_factory.mktemp("tasks")
    if first:
        (folder / f"images-{first - 1:06}.parquet").touch()
    rows: list[tuple[int, str, str]] = []
    for at, (count, is_compressed) in enumerate(zip(counts, compressed)):
        name = f"{at}.tar.gz" if is_compressed else f"{at}.tar"
        rows += [(len(rows) + n, name, f"{n}.jpg") for n in range(count)]
    batches = iter([rows[start : start + 100] for start in range(0, len(rows), 100)])
    tasks = list(make_tasks(batches, folder))
    assert [row for task in tasks for row in task.images] == rows
    assert [task.output.name for task in tasks] == [f"images-{first + n:06}.parquet" for n in range(len(tasks))]
    for task, after in pairwise(tasks):
        assert len(task.images) >= IMAGES_PER_TASK
        last, first_after = task.images[-1][1], after.images[0][1]
        assert last != first_after or not last.endswith(".gz")


def test_numbers_of_files_go_on(tmp_path: Path) -> None:
    assert find_next_number(tmp_path) == 0
    (tmp_path / "images-000009.parquet").touch()
    (tmp_path / ".images-000012.parquet.abc.tmp").touch()
    assert find_next_number(tmp_path) == 10


def test_what_is_at_hand_and_cannot_be_read_is_not_tried_again_and_downloads_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec", reason="needs the extra remote")
    import fsspec

    monkeypatch.setattr(places, "PAUSE", 0.0)
    rows = lay_source(tmp_path, 4)
    (tmp_path / "park/bad.jpg").write_text("no image")
    rows += [
        rows[0] | {"source_id": "bad", "image": "park/bad.jpg"},
        rows[0] | {"source_id": "far", "image": "memory://photos/far.jpg"},
    ]
    write_rows(tmp_path / "park.jsonl", rows)
    file = write_config(tmp_path)
    counts, _ = build(file)
    assert counts["outcomes"]["unreadable"] == 2
    stream = io.BytesIO()
    draw(77).save(stream, "JPEG")
    fsspec.filesystem("memory").pipe("/photos/far.jpg", stream.getvalue())
    draw(78).save(tmp_path / "park/bad.jpg")
    counts, _ = build(file)
    of = read_catalogue(tmp_path / "out")
    assert (of["far"]["outcome"], of["bad"]["outcome"]) == ("used", "unreadable")
    assert len(list((tmp_path / "out/work/images/000").glob("images-*.parquet"))) == 2
