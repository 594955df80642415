"""Files appear whole, and nothing is left of a process that was killed."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.replacement import open_replacement


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "f"
    with open_replacement(path) as handle:
        handle.write("a\n")
    with pytest.raises(ValueError), open_replacement(path) as handle:
        handle.write("b")
        raise ValueError
    assert path.read_bytes() == b"a\n" and names(path.parent) == ["f"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(Path("there") / "target")
    for text in ("new", "made where the link points"):
        with open_replacement(link) as handle:
            handle.write(text)
        assert link.is_symlink() and target.read_text() == text and not target.is_symlink()
        target.unlink()
    assert names(tmp_path / "there") == []


@pytest.mark.parametrize("by_link", [False, True])
@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_pipe_stays_a_pipe_and_is_written_to(tmp_path: Path, mode: str, by_link: bool) -> None:
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if by_link:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    # Open for reading and writing, so that neither side waits for the other.
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        with open_replacement(path, mode) as handle:
            handle.write("a" if mode == "w" else b"a")
        assert stat.S_ISFIFO(pipe.stat().st_mode) and os.read(reader, 10) == b"a"
    finally:
        os.close(reader)
    assert names(tmp_path) == sorted({"pipe", path.name})


def test_a_stream_of_this_process_is_appended_to(tmp_path: Path) -> None:
    """As with `--output /dev/stdout >> log`."""
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("a") as standard, open_replacement(Path(f"/dev/fd/{standard.fileno()}")) as handle:
        handle.write("after\n")
    assert log.read_text() == "before\nafter\n" and names(tmp_path) == ["log"]


def test_a_folder_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), open_replacement(tmp_path):
        pass


WRITE_AND_WAIT = """
import sys, time
from pathlib import Path
from bioclip_x.io.storage.replacement import open_replacement
with open_replacement(Path(sys.argv[1]), keep_partial=sys.argv[2] == "keep") as handle:
    handle.write("half")
    handle.flush()
    print("ready", flush=True)
    time.sleep(60)
"""


def start_writer(path: Path, keep: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(path), "keep" if keep else ""]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_what_a_killed_process_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with start_writer(path, keep=False) as process:
        assert len(names(tmp_path)) == 1
        process.kill()
    with open_replacement(path) as handle:
        handle.write("whole")
    assert names(tmp_path) == ["f"] and path.read_text() == "whole"


def test_the_temporary_file_of_a_running_process_stays(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with start_writer(path, keep=False) as process:
        with open_replacement(path) as handle:
            handle.write("whole")
        assert len(names(tmp_path)) == 2
        process.kill()


def test_a_partial_output_stays_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with pytest.raises(ValueError), open_replacement(path, keep_partial=True) as handle:
        handle.write("half of it")
        raise ValueError
    assert names(tmp_path) == ["f.partial"] and (tmp_path / "f.partial").read_text() == "half of it"
    with open_replacement(path, keep_partial=True) as handle:
        handle.write("whole")
    assert names(tmp_path) == ["f"] and path.read_text() == "whole"


def test_a_partial_output_without_content_is_deleted(tmp_path: Path) -> None:
    with pytest.raises(ValueError), open_replacement(tmp_path / "f", keep_partial=True):
        raise ValueError
    assert names(tmp_path) == []


def test_two_processes_never_write_one_output(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with start_writer(path, keep=True) as process:
        with (
            pytest.raises(BioclipXError, match="being written by another run"),
            open_replacement(path, keep_partial=True),
        ):
            pass
        assert (tmp_path / "f.partial").read_text() == "half"
        process.kill()


def fail(code: int) -> object:
    def raise_(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return raise_


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_fsync_and_permissions(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fail(code))
    monkeypatch.setattr(Path, "chmod", fail(errno.EPERM))
    with open_replacement(tmp_path / "f") as handle:
        handle.write("whole")
    assert (tmp_path / "f").read_text() == "whole" and names(tmp_path) == ["f"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_failing_disk_is_an_error(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fail(code))
    with pytest.raises(OSError) as caught, open_replacement(tmp_path / "f") as handle:
        handle.write("whole")
    assert caught.value.errno == code and names(tmp_path) == []
