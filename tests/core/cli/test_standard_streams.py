"""Standard streams that cannot be written or read; closed ones are tried as processes: tests/hostile/areas/streams.py."""

from __future__ import annotations

import io
import sys

import pytest

from bioclip_x.cli.standard_streams import guard_streams
from bioclip_x.errors import BioclipXError


class Broken(io.RawIOBase):
    """A stream on a full disk, or whose reader has gone."""

    def __init__(self, problem: OSError) -> None:
        self.problem, self.tries = problem, 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.tries += 1
        raise self.problem


class Slow(io.RawIOBase):
    """A stream that takes two bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.taken += bytes(data)[:2]  # type: ignore[call-overload]
        return min(2, memoryview(data).nbytes)  # type: ignore[arg-type]


def replace(monkeypatch: pytest.MonkeyPatch, name: str, raw: io.RawIOBase | None) -> None:
    stream = raw and io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")
    for one in (name, f"__{name}__"):
        monkeypatch.setattr(sys, one, stream)


def test_a_full_standard_output_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Broken(OSError(28, "No space left on device"))
    replace(monkeypatch, "stdout", raw)
    with guard_streams():
        with pytest.raises(BioclipXError, match="standard output cannot be written: No space left on device"):
            print("text", flush=True)
        print("text", flush=True)
    assert raw.tries == 1


def test_a_reader_that_has_gone_is_no_error_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, "stdout", Broken(BrokenPipeError()))
    with guard_streams(), pytest.raises(BrokenPipeError):
        print("text", flush=True)


def test_what_standard_error_does_not_take_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Broken(OSError(28, "No space left on device"))
    replace(monkeypatch, "stderr", raw)
    with guard_streams():
        print("note", file=sys.stderr, flush=True)
        print("another", file=sys.stderr, flush=True)
    assert raw.tries == 1  # the second was not even tried


def test_all_is_written_where_a_stream_takes_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Slow()
    replace(monkeypatch, "stdout", raw)
    with guard_streams():
        print("caf\u00e9 and more")
    assert raw.taken.decode() == "caf\u00e9 and more\n"


def test_closed_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        replace(monkeypatch, name, None)
    with guard_streams():
        print("note", file=sys.stderr, flush=True)
        with pytest.raises(BioclipXError, match="standard output is closed; give --output FILE"):
            print("text", flush=True)
        with pytest.raises(BioclipXError, match="standard input is closed"):
            sys.stdin.readline()
    assert sys.stdout is None


def test_the_streams_of_a_caller_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = io.StringIO()
    monkeypatch.setattr(sys, "stdout", own)
    with guard_streams():
        assert sys.stdout is own
