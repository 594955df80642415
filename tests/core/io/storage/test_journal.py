"""Journals: nothing that was appended is lost, and nothing that is torn is read."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.journal import Journal, describe_differences, read_header

HEADER = {"model": "tiny", "recipe": {"text": ["names"]}}


def write(path: Path, *records: bytes) -> None:
    journal, _ = Journal.open(path, HEADER)
    with journal:
        for record in records:
            journal.append(record)


def read(path: Path) -> list[bytes]:
    journal, records = Journal.open(path, HEADER)
    with journal:
        return list(records)


def test_records_are_read_back_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    write(path, b"one", b"", b"\n\0three" * 1000)
    journal, records = Journal.open(path, HEADER)
    with journal:
        assert journal.count == 3
        journal.append(b"four")
        assert list(records) == [b"one", b"", b"\n\0three" * 1000, b"four"]
    assert read(path)[-1] == b"four"


def test_records_are_read_by_place_and_dropped_from_one_on(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    write(path, b"one", b"two", b"three")
    journal, _ = Journal.open(path, HEADER)
    with journal:
        places = dict((record, place) for place, record in journal.items())
        assert journal.read(places[b"two"]) == b"two"
        journal.truncate(places[b"two"], count=1)
        journal.append(b"2")
        assert journal.count == 2
    assert read(path) == [b"one", b"2"]


def test_the_header_is_read_without_opening_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    assert read_header(path) is None
    write(path, b"one")
    assert read_header(path) == HEADER
    path.write_bytes(path.read_bytes()[:9])
    assert read_header(path) is None


@pytest.mark.parametrize("lost", range(1, 13))
def test_a_torn_end_is_cut_off(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "a.partial"
    write(path, b"one", b"two!")  # the last record takes 12 bytes
    path.write_bytes(path.read_bytes()[:-lost])
    journal, records = Journal.open(path, HEADER)
    with journal:
        assert (journal.torn, journal.count) == (12 - lost, 1)
        journal.append(b"again")
    assert list(records) == [b"one", b"again"] == read(path)


def test_damage_ends_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    write(path, b"one", b"two", b"three")
    path.write_bytes(path.read_bytes().replace(b"two", b"tvo"))
    assert read(path) == [b"one"]
    path.write_bytes(path.read_bytes() + b"\xff" * 8 + b"rest")  # a length of 4 GB is damage, not a request for memory
    assert read(path) == [b"one"]


@pytest.mark.parametrize("length", [0, 1, 20])
def test_a_torn_header_starts_over(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.partial"
    write(path)
    path.write_bytes(path.read_bytes()[:length])
    assert read(path) == []
    path.write_bytes(b"\0" * length)  # as after a power failure
    assert read(path) == []


def test_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    write(path, b"one")
    before = path.read_bytes()
    with pytest.raises(BioclipXError, match=r"recipe.text was \['names'\] and is \['common'\]; k was None and is 3"):
        Journal.open(path, {"model": "tiny", "recipe": {"text": ["common"]}, "k": 3})
    assert path.read_bytes() == before


def test_another_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    for text in ("my notes\n", '{"header": {}}\n', "[1]\n", '{"journal": "other", "header": {}}\n'):
        path.write_text(text)
        with pytest.raises(BioclipXError, match="no journal"):
            Journal.open(path, HEADER)
        assert path.read_text() == text


def test_differences() -> None:
    assert describe_differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 3}, "a": 1}) == ["b.c was 2 and is 3"]
    assert describe_differences({"a": 1}, {"a": 1}) == []


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    journal, _ = Journal.open(tmp_path / "a.partial", HEADER)
    with journal, pytest.raises(BioclipXError, match="another run"):
        Journal.open(tmp_path / "a.partial", HEADER)
    assert read(tmp_path / "a.partial") == []


def test_drives_without_sync_or_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def fail(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(fcntl, "flock", fail)
    write(tmp_path / "a.partial", b"one")
    assert read(tmp_path / "a.partial") == [b"one"]


def test_a_full_disk_keeps_what_is_done(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write fails in the middle of a record."""
    pytest.importorskip("resource")
    path = tmp_path / "a.partial"
    code = f"""
import resource, signal
from pathlib import Path
from bioclip_x.io.storage.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
journal, _ = Journal.open(Path({str(path)!r}), {HEADER!r})
for number in range(100):
    journal.append(b"%60d" % number)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "BioclipXError" in done.stderr
    assert "what is done is kept" in done.stderr
    records = read(path)
    assert 10 < len(records) < 15
    assert records == [b"%60d" % number for number in range(len(records))]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    code = f"""
import os, signal
from pathlib import Path
from bioclip_x.io.storage.journal import Journal
journal, _ = Journal.open(Path({str(path)!r}), {HEADER!r})
journal.append(b"one")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert read(path) == [b"one"]


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros", "."):
        assert read_header(tmp_path / name) is None
        with pytest.raises(BioclipXError, match="is no file"):
            Journal.open(tmp_path / name, HEADER)


def test_what_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.partial"
    for content, replace in (("[" * 100_000, "anything"), ("hello\n", "anything"), ("", "another run")):
        path.write_text(content)
        with Journal.open(path, HEADER, replace=replace)[0] as journal:  # type: ignore[arg-type]
            journal.append(b"x")
        assert read(path) == [b"x"]
    with Journal.open(path, {"model": "other"}, replace="another run")[0] as journal:
        assert journal.count == 0
        with pytest.raises(BioclipXError, match="being written"):  # a run that is going on is not replaced
            Journal.open(path, HEADER, replace="anything")
    path.write_text("hello\n")
    with pytest.raises(BioclipXError, match="is no journal"):
        Journal.open(path, HEADER, replace="another run")
    assert path.read_text() == "hello\n"


def test_a_journal_that_is_deleted_while_another_run_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run locks a file that has no name any more; it opens a new one."""
    path = tmp_path / "a.partial"
    write(path, b"one")
    locked: list[int] = []

    def lock_late(descriptor: int) -> bool:
        if not locked:
            path.unlink()
        locked.append(descriptor)
        return True

    monkeypatch.setattr("bioclip_x.io.storage.journal.lock", lock_late)
    with Journal.open(path, HEADER)[0] as journal:
        journal.append(b"two")
    assert len(locked) == 2 and read(path) == [b"two"]
