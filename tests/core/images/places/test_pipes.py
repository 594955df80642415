from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path

import pytest

from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.loading import decode
from bioclip_x.images.places import pipes
from bioclip_x.images.places.pipes import is_pipe, read_pipe
from bioclip_x.records import Source
from helpers import picture


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "p.png")
    return tmp_path / "p.png"


def write_in_a_thread(pipe: Path, *parts: bytes, pause: float = 0) -> None:
    def write() -> None:
        try:
            with pipe.open("wb", buffering=0) as stream:
                for part in parts:
                    stream.write(part)
                    time.sleep(pause)
        except BrokenPipeError:
            pass

    threading.Thread(target=write, daemon=True).start()


def test_what_is_written_is_read_to_its_end(pipe: Path) -> None:
    data = os.urandom(300_000)
    write_in_a_thread(pipe, data[:100], data[100:], pause=0.05)
    assert is_pipe(pipe) and read_pipe(pipe) == data
    assert not is_pipe(pipe.parent) and not is_pipe(pipe / "gone") and not is_pipe(Path("a\0b"))


def test_a_process_substitution_is_an_image() -> None:
    stream = io.BytesIO()
    picture().save(stream, "PNG")
    reading, writing = os.pipe()
    os.write(writing, stream.getvalue())
    os.close(writing)
    try:
        assert ImageFiles().read(Source("a", Path(f"/dev/fd/{reading}"))).image.size == (40, 30)
    finally:
        os.close(reading)


def test_nothing_waits_for_ever(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "PIPE_SECONDS", 0.05)
    with pytest.raises(ImageError, match=r"nothing was written for 0\.05 s"):
        read_pipe(pipe)
    held = os.open(pipe, os.O_RDWR)  # a writer that says nothing
    try:
        [one] = decode(Source("p", pipe), lambda image: image)  # type: ignore[arg-type, return-value]
        assert "nothing was written" in one.error
    finally:
        os.close(held)


def test_more_than_the_limit_is_not_read(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "PIPED_IMAGE_BYTES", 1000)
    write_in_a_thread(pipe, bytes(1001))
    with pytest.raises(ImageError, match="more than 1,000 bytes"):
        read_pipe(pipe)
