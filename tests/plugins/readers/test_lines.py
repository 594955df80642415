from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import LINE_CHARACTERS
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_and_their_numbers(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(end.join(["å b ", "", "  c\u2028d"]).encode(encoding))
    assert list(read_text_lines(path)) == [(1, "å b "), (3, "  c\u2028d")]
    assert split_head_lines(path.read_bytes()) == ["å b "]  # the last may be cut short


def test_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a\nb\n", "utf-8"))
    writer.start()
    assert list(read_text_lines(pipe)) == [(1, "a"), (2, "b")]
    writer.join()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\0c\n", "line 2: a NUL byte"),
        (b"a\n" * 20_000 + b"\xe9t\xe9\n", "line 20001: not valid utf-8"),
        (b"\xff\xfea\0\n\0\x00\xd8\n\0", "not valid utf-16"),
        (b"a\n" + b"b" * (LINE_CHARACTERS + 1), "line 2: more than 1,048,576 characters"),
    ],
)
def test_invalid_text(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(TaxonomyError, match=message):
        list(read_text_lines(path))


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="is a folder; expected a file"):
        list(read_text_lines(tmp_path))
    with pytest.raises(TaxonomyError, match="does not exist"):
        list(read_text_lines(tmp_path / "missing"))
