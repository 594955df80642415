from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.io.storage.seals import SEAL_BYTES, open_sealed, read_sealed, seal


def write_sealed(path: Path, content: bytes) -> bytes:
    with path.open("wb+") as stream:
        stream.write(content)
        seal(stream)
    return path.read_bytes()


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(1, 255))
def test_any_changed_byte_is_seen(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, bits: int
) -> None:
    path = tmp_path_factory.mktemp("sealed") / "a"
    raw = write_sealed(path, content)
    assert raw == content + b"\nbioclip-x crc32 " + f"{zlib.crc32(content):08x}\n".encode()
    assert read_sealed(path) == content
    with open_sealed(path) as (stream, length):
        assert (stream.tell(), length) == (0, len(content))
    changed = bytearray(raw)
    changed[place % len(raw)] ^= bits
    path.write_bytes(changed)
    with pytest.raises(ValueError, match="checksum"):
        read_sealed(path)


def test_blocks_are_put_together(tmp_path: Path) -> None:
    content = os.urandom((5 << 20) + 3)
    write_sealed(tmp_path / "a", content)
    assert read_sealed(tmp_path / "a") == content
    raw = (tmp_path / "a").read_bytes()
    half = len(content) // 2
    (tmp_path / "a").write_bytes(raw[half : 2 * half] + raw[:half] + raw[2 * half :])
    with pytest.raises(ValueError, match="does not match"):
        read_sealed(tmp_path / "a")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link", "missing", "."):
        with pytest.raises(OSError, match="is no file"):
            read_sealed(tmp_path / name)
    (tmp_path / "short").write_bytes(bytes(SEAL_BYTES - 1))
    with pytest.raises(ValueError, match="has no checksum"):
        read_sealed(tmp_path / "short")


def test_a_seal_is_written_at_the_end(tmp_path: Path) -> None:
    stream = io.BytesIO(b"abcdef")
    stream.seek(2)
    seal(stream)
    (tmp_path / "a").write_bytes(stream.getvalue())
    assert read_sealed(tmp_path / "a") == b"abcdef"
