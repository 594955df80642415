"""Output streams."""

from __future__ import annotations

import errno
import sys
import tempfile
from pathlib import Path

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.streams import (
    BinaryStream,
    Stream,
    make_temporary_folder,
    open_binary_output,
    open_output,
    refuse_terminal,
)


class FullDisk:
    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_reported() -> None:
    with pytest.raises(BioclipXError, match=r"out\.csv cannot be written: No space left on device"):
        Stream(BinaryStream(FullDisk(), Path("out.csv"))).write("a")  # type: ignore[arg-type]


def test_unencodable_characters_are_escaped(tmp_path: Path) -> None:
    with open_output(tmp_path / "o") as stream:
        stream.write("é\udce9")
    assert (tmp_path / "o").read_bytes() == b"\xc3\xa9\\udce9"


def test_text_for_people_keeps_its_colours_alone(tmp_path: Path) -> None:
    with open_output(tmp_path / "a.txt", styled=True) as stream:
        stream.write("\x1b[1mgpj\u202eexe\x1b[0m\x1b[2J\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\x1b[1mgpj\\u202eexe\x1b[0m\\x1b[2J\n"


def test_names_that_no_file_has_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("no/such/o.csv")
    for name, reason in (
        ("n" * 300, "too long"),
        ("a\0b", "NUL"),
        ("link.csv", "no folder"),
        ("no/o.csv", "no folder"),
    ):
        with pytest.raises(BioclipXError, match=reason), open_output(tmp_path / name):
            pass


def test_exceptions_of_the_block_are_not_converted(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), open_output(tmp_path / "o"):
        raise PermissionError("somebody else's")
    assert list(tmp_path.iterdir()) == []


def test_bytes_are_counted_and_writes_after_close_are_refused(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for output in (tmp_path / "o", None):
        with open_binary_output(output) as stream:
            assert stream.write(b"ab") == 2 and stream.write(memoryview(b"cd").cast("H")) == 2
            assert stream.tell() == 4
        with pytest.raises(ValueError, match="closed"):
            stream.write(b"late")
    assert (tmp_path / "o").read_bytes() == capsysbinary.readouterr().out == b"abcd"


def test_temporary_folder_is_beside_a_file_but_not_beside_a_device(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    assert make_temporary_folder(tmp_path / "there") == make_temporary_folder(tmp_path / "new") == tmp_path
    assert make_temporary_folder(Path("/dev/null")) == make_temporary_folder(None) == Path(tempfile.gettempdir())


def test_binary_output_to_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_terminal(None, "parquet")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    refuse_terminal(Path("out.parquet"), "parquet")
    with pytest.raises(BioclipXError, match=r"parquet is binary.*--output FILE or use a pipe"):
        refuse_terminal(None, "parquet")
