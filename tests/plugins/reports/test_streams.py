"""Where reports go."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x_plugins.reports.streams import Stream, opened


class FullDisk:
    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_named() -> None:
    with pytest.raises(BioclipXError, match=r"out\.csv cannot be written: No space left on device"):
        Stream(FullDisk(), output=Path("out.csv")).write("a")  # type: ignore[arg-type]


def test_what_utf_8_lacks_is_spelt_out(tmp_path: Path) -> None:
    with opened(tmp_path / "o") as stream:
        stream.write("é\udce9")
    assert (tmp_path / "o").read_bytes() == b"\xc3\xa9\\udce9"


def test_errors_of_the_block_are_not_the_files(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), opened(tmp_path / "o"):
        raise PermissionError("somebody else's")
    assert list(tmp_path.iterdir()) == []
