"""The cache: within its limit, without leftovers, and never needed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bioclip_x import caches
from bioclip_x.caches import (
    clear,
    fill_cache_folder,
    list_entries,
    load_or_fill,
    mark_used,
    open_array,
    open_cache_file,
)
from bioclip_x.io.storage.temporary import fill_folder, open_temporary, sweep
from bioclip_x.settings import find_cache_folder


@contextmanager
def limited_files(n_bytes: int) -> Iterator[None]:
    """A limit on the size of files stands for a full disk: every write beyond it is an OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def put(name: str, n_bytes: int, used_at: float) -> Path:
    path = find_cache_folder() / name
    with open_cache_file(path) as stream:
        stream.write(bytes(n_bytes))
    os.utime(path, (used_at, used_at))
    return path


def count_up(into: np.ndarray) -> None:
    into[:] = np.arange(into.size).reshape(into.shape)


def test_the_least_recently_used_entries_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (put(f"banks/{n}", 400_000, n) for n in (1, 2, 3))
    mark_used(first)  # now the latest
    monkeypatch.setenv("BIOCLIP_X_CACHE_SIZE", "0.001")
    fourth = put("taxonomies/4", 400_000, 4)
    assert [path.exists() for path in (first, second, third, fourth)] == [True, False, False, True]
    large = put("banks/5", 2_000_000, 5)  # what was just written is kept, whatever its size
    assert [entry.path for entry in list_entries()] == [large]


def test_an_entry_may_be_a_folder() -> None:
    folder = find_cache_folder() / "banks" / "key"
    with fill_cache_folder(folder) as partial:
        (partial / "a").write_bytes(bytes(10))
    with open_cache_file(folder / "mean.npy") as stream:
        stream.write(bytes(5))
    [entry] = list_entries()
    assert (entry.kind, entry.path, entry.n_bytes) == ("banks", folder, 15)
    assert clear() == [entry] and not folder.exists()


def test_only_caches_are_cleared() -> None:
    """The folder may be one that holds other things, too."""
    (find_cache_folder() / "photos").mkdir(parents=True)
    photo = find_cache_folder() / "photos" / "a.jpg"
    photo.write_bytes(b"x")
    kept, gone = put("banks/1", 1, 1), put("taxonomies/1", 1, 1)
    assert [entry.path for entry in clear("taxonomies")] == [gone]
    assert kept.exists() and photo.exists()
    clear()
    assert photo.exists() and not kept.exists()
    assert (kept.parent / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_arrays_are_filled_once(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "arrays" / "a.npy"
    array = load_or_fill(path, (3, 4), np.float32, count_up)
    again = load_or_fill(path, (3, 4), np.float32, lambda into: pytest.fail("it is cached"))
    assert array.tolist() == again.tolist() == np.arange(12).reshape(3, 4).tolist()
    again[0, 0] = 7  # a copy: the file does not change
    assert np.load(path)[0, 0] == 0
    assert load_or_fill(path, (2, 4), np.float32, count_up).shape == (2, 4)  # another shape is filled again
    assert load_or_fill(None, (0, 4), np.float32, count_up).shape == (0, 4)
    assert load_or_fill(tmp_path / "empty.npy", (0, 4), np.float32, count_up).shape == (0, 4)


def test_damaged_arrays_are_filled_again(tmp_path: Path) -> None:
    path = tmp_path / "arrays" / "a.npy"
    load_or_fill(path, (3, 4), np.float32, count_up)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[150] ^= 1
    for damaged in (b"", whole[:-1], whole[:100], bytes(flipped), whole + b"x"):
        path.write_bytes(damaged)
        assert load_or_fill(path, (3, 4), np.float32, count_up).tolist() == np.arange(12).reshape(3, 4).tolist()
        assert path.read_bytes() == whole
    np.save(path, np.zeros((3, 4), np.float32))  # of another program: without a checksum
    assert load_or_fill(path, (3, 4), np.float32, count_up)[2, 3] == 11
    for shape, dtype in (((4, 3), np.float32), ((12,), np.float32), ((3, 4), np.int32), ((3, 2), np.float64)):
        assert open_array(path, shape, dtype) is None


def test_what_is_no_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nothing"), lambda path: path.symlink_to("a.npy")):
        make(path)
        assert load_or_fill(path, (2,), np.int64, count_up).tolist() == [0, 1]
        assert path.is_file() and not path.is_symlink()
        path.unlink()


def test_a_folder_replaces_files_links_and_folders(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").touch()
    target = tmp_path / "a"
    for make in (
        Path.touch,
        Path.mkdir,
        lambda path: path.symlink_to("nothing"),
        lambda path: path.symlink_to("other"),
    ):
        make(target)
        with fill_folder(target) as folder:
            (folder / "b").touch()
        assert [path.name for path in target.iterdir()] == ["b"] and not target.is_symlink()
        (target / "b").unlink()
        target.rmdir()
    assert (tmp_path / "other" / "kept").exists()


def test_arrays_without_a_cache(tmp_path: Path) -> None:
    expected = np.arange(6000).reshape(3, 2000).tolist()
    (tmp_path / "file").touch()
    assert load_or_fill(tmp_path / "file" / "a.npy", (3, 2000), np.float32, count_up).tolist() == expected
    with limited_files(10_000):  # it would take 24,000 bytes
        assert load_or_fill(tmp_path / "b" / "a.npy", (3, 2000), np.float32, count_up).tolist() == expected
    assert list((tmp_path / "b").iterdir()) == []


def test_where_nothing_can_be_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    array = load_or_fill(tmp_path / "a" / "a.npy", (3, 2000), np.float32, count_up)
    assert array.tolist() == np.arange(6000).reshape(3, 2000).tolist() == np.load(tmp_path / "a" / "a.npy").tolist()


def test_a_file_appears_when_complete(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_temporary(tmp_path / "a") as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), fill_folder(tmp_path / "b"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with open_temporary(tmp_path / "a") as stream:
        stream.write(b"whole")
        assert not (tmp_path / "a").exists()
    with fill_folder(tmp_path / "b") as folder:
        (folder / "c").write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c"]


def test_leftovers_of_dead_runs_are_swept(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from bioclip_x.io.storage.temporary import open_temporary, fill_folder
with open_temporary(Path({str(tmp_path / "a")!r})) as stream, fill_folder(Path({str(tmp_path / "b")!r})) as folder:
    (folder / "c").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code])
    leftovers = set(tmp_path.iterdir())
    assert len(leftovers) == 2 and all(path.name.startswith(".") for path in leftovers)
    with open_temporary(tmp_path / "d") as stream, fill_folder(tmp_path / "e"):
        alive = set(tmp_path.iterdir()) - leftovers
        stream.write(b"")
        sweep(tmp_path)
        assert set(tmp_path.iterdir()) == alive
    assert {path.name for path in tmp_path.iterdir()} == {"d", "e"}


def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioclip_x.io.storage.temporary.lock", lambda descriptor: False)
    young, old = tmp_path / ".a.1.tmp", tmp_path / ".a.2.tmp"
    young.touch()
    old.touch()
    os.utime(old, (1, 1))
    sweep(tmp_path)
    assert young.exists() and not old.exists()


def test_the_next_run_sweeps(tmp_path: Path) -> None:
    kept = put("banks/1", 1, 1)
    leftover = kept.parent / ".2.x.tmp"
    leftover.touch()
    caches._sweep_once.cache_clear()  # noqa: SLF001 - as in a new process
    mark_used(kept)
    assert not leftover.exists()
