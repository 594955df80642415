"""What compressed files and workbooks hold is read as if it were a plain text file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.io import compression, spreadsheets
from bioclip_x.io.content import describe_content, name_content, open_content, read_content_head
from bioclip_x.io.files import read_lines, read_text

TEXT = "genus,species\nŒnanthe,Œnanthe œnanthe\n"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda raw: pa.Codec("zstd").compress(raw, asbytes=True),
}


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_compressed_text_is_read_as_the_text(tmp_path: Path, suffix: str, encoding: str) -> None:
    path = tmp_path / f"birds.csv.{suffix}"
    raw = TEXT.encode(encoding)
    path.write_bytes(PACKERS[suffix](raw))
    assert read_text(path) == TEXT == "".join(read_lines(path))
    assert read_content_head(path, 20) == raw[:20]
    assert name_content(path) == tmp_path / "birds.csv"


@pytest.mark.parametrize("suffix", PACKERS)
def test_parts_packed_one_by_one_are_one_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(PACKERS[suffix](b"Parus\n") + PACKERS[suffix](b"Turdus\n"))
    assert read_text(path) == "Parus\nTurdus\n"


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_cut_short_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(PACKERS[suffix](os.urandom(5000).hex().encode())[:-20])
    for read in (read_text, lambda path, error: list(read_lines(path, error))):
        with pytest.raises(RecipeError, match=rf"a\.{suffix} is damaged or incomplete"):
            read(path, RecipeError)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(compression, "UNPACKED_FREE", 1 << 20)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(PACKERS[suffix](b"Parus\n" * (1 << 20)))
    with pytest.raises(RecipeError, match="unpacks to more than 1 MiB"):
        read_text(path, RecipeError)


def test_a_packed_archive_is_not_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("birds.csv")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"genus"))
    with pytest.raises(RecipeError, match="is an archive; expected a single file"):
        read_text(path, RecipeError)
    assert read_content_head(path, 2) == b"\x1f\x8b"


def save_workbook(path: Path, *sheets: list[list[object]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = workbook.create_sheet(f"list {number}")
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def test_a_workbook_is_read_as_csv(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["species", "gbif_id", "name, local", "seen", "is_class"],
        ["Œnanthe œnanthe", 5231240.0, "a\nb", date(2024, 5, 1), True],
        [],
        ["Parus major", 0.5],
    ]
    path = save_workbook(tmp_path / "birds.xlsx", rows)
    lines = read_text(path).splitlines()
    assert lines == [
        'species,gbif_id,"name, local",seen,is_class',
        "Œnanthe œnanthe,5231240,a b,2024-05-01,true",
        "",
        "Parus major,0.5",
    ]
    assert [line.rstrip() for line in read_lines(path)] == lines and describe_content(path) == ""
    assert name_content(path).name == "birds.csv"


def test_the_first_sheet_that_holds_anything_is_read_and_others_are_named(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [], [["genus"], ["Parus"]], [["genus"], ["Turdus"]])
    assert read_text(path).split() == ["genus", "Parus"]
    assert "the sheet 'list 2' is read, not 'list 3'" in describe_content(path)


def test_a_changed_workbook_is_read_again(tmp_path: Path) -> None:
    assert read_text(save_workbook(tmp_path / "a.xlsx", [["Parus"]])) == "Parus\n"
    assert read_text(save_workbook(tmp_path / "a.xlsx", [["Turdus", "merula"]])) == "Turdus,merula\n"


def test_without_openpyxl_a_workbook_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [["Parus"]])
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(RecipeError, match=r"pip install 'bioclip-x\[tables\]' to read it, or save the sheet as CSV"):
        read_text(path, RecipeError)


def test_damaged_and_empty_workbooks_and_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [[]])
    with pytest.raises(RecipeError, match="no sheet of the workbook has a filled cell"):
        read_text(path, RecipeError)
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    with pytest.raises(RecipeError, match="is a damaged Excel workbook"):
        read_text(tmp_path / "b.xlsx", RecipeError)
    monkeypatch.setattr(spreadsheets, "UNPACKED_FREE", 1 << 10)
    bomb = save_workbook(tmp_path / "c.xlsx", [["Parus"]])
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.xml", b"\0" * (32 << 20))
    with pytest.raises(RecipeError, match="refused as a zip bomb"):
        read_text(bomb, RecipeError)


def test_a_sheet_with_gaps_of_a_billion_rows_is_refused(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [["species"], ["Parus"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b'<row r="2"', b'<row r="1000000000"').replace(
        b'"A2"', b'"A1000000000"'
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(RecipeError, match=r"has more than 1,048,576 rows"):
        read_text(path, RecipeError)


@pytest.mark.parametrize(
    ("head", "advice"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, r"save it as \.xlsx, or save the sheet as CSV"),
        (
            b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK",
            "save the sheet as CSV",
        ),
    ],
)
def test_other_spreadsheets_say_how_to_save_them(tmp_path: Path, head: bytes, advice: str) -> None:
    path = tmp_path / "birds.sheet"
    path.write_bytes(head)
    with pytest.raises(RecipeError, match=advice):
        read_text(path, RecipeError)
    with pytest.raises(RecipeError, match=advice):
        read_content_head(path, 10, RecipeError)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(gzip.compress(TEXT.encode()),))
    writer.start()
    with open_content(fifo) as content:
        assert content.read().decode() == TEXT
    writer.join()


def test_windows_1252_is_read_and_the_first_such_line_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name\nMeise\nWeißtanne – ‘Œuf’\nErlenzeisig\nBärlapp\n".encode("cp1252"))
    lines: list[int] = []
    assert "".join(read_lines(path, RecipeError, lines.append)).splitlines()[2] == "Weißtanne – ‘Œuf’"
    assert read_text(path, RecipeError, lines.append).splitlines()[4] == "Bärlapp"
    assert lines == [3, 3]
    with pytest.raises(RecipeError, match="line 3: not valid utf-8; save the file as UTF-8"):
        read_text(path, RecipeError)


def test_a_byte_that_windows_1252_lacks_is_latin_1(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xe9\x81\n")
    assert (
        read_text(tmp_path / "a", RecipeError, print) == "é\x81\n" == next(read_lines(tmp_path / "a", on_legacy=print))
    )


def test_invalid_utf_16_is_never_read_as_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("Parus".encode("utf-16") + b"\0\xd8")
    with pytest.raises(RecipeError, match="not valid utf-16"):
        read_text(tmp_path / "a", RecipeError, print)
