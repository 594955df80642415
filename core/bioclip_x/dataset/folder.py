"""The folder of a data set, and the stages that an interrupted or changed build need not repeat.

Each stage has a folder in `work/`. Its file `stage.json` says what its content was made from, and what its files are; where
either has changed, the stage is made anew. A folder without it holds a stage that was interrupted, of which complete files are
kept.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bioclip_x.errors import DatasetError
from bioclip_x.io.storage.disk import lock
from bioclip_x.io.storage.journal import describe_differences
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.messages import list_some

WORK: Final = "work"
STATE: Final = "stage.json"
_DIGEST: Final = re.compile(r"[0-9a-f]{16}")
_OPAQUE: Final = re.compile(r"[\[{]|'[0-9a-f]{16}'")
"""In values that tell a reader nothing: digests, and parts of records."""
_FILES: Final = re.compile(r"(?:revision|(?P<of>\S.*)\.files) was ")
VERSION: Final = 1
"""Of the files in `work/`."""


@dataclass(frozen=True)
class Stage:
    """A stage's folder. inputs: what its content depends on, as JSON. summary: of a complete stage, else None."""

    path: Path
    inputs: Mapping[str, Any]
    summary: Mapping[str, Any] | None

    def finish(self, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Marks the stage as complete, and returns its summary."""
        state = {"version": VERSION, "inputs": self.inputs, "summary": dict(summary), "files": _stamp_files(self.path)}
        write_json(self.path / STATE, state)
        return summary


class BuildFolder:
    """The folder of one data set; made by `open_folder`."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path, self.work, self._say = path, path / WORK, say

    def open_stage(self, name: str, inputs: Mapping[str, Any], *, keeps: bool = False, title: str = "") -> Stage:
        """Opens a stage, and empties it where its inputs have changed.

        keeps: its files say for themselves what they were made from, and stay. title: for notes. Raises
        DatasetError for a damaged state.
        """
        folder = self.work / name
        wanted = json.loads(json.dumps(inputs))
        before = self._read_state(folder)
        if before is not None and (damaged := _find_damaged(folder, before["files"])):
            self._say(f"{title or name}: done again, since its files were changed: {list_some(damaged, 3)}")
            (folder / STATE).unlink()  # the stage is then one that was interrupted, whose other files are kept
            for one in damaged:
                if not keeps and os.path.lexists(folder / one):
                    _delete(folder / one)
            before = None
        if before is not None and before["inputs"] == wanted:
            return Stage(folder, wanted, before["summary"])
        if os.path.lexists(folder) and not folder.is_dir():
            _delete(folder)
        begun = read_json(folder / "inputs.json")
        # A folder that says of nothing what it was begun from is what an interrupted deletion left.
        if folder.exists() and (before is not None or begun != wanted):
            old = before["inputs"] if before is not None else begun
            differences = list_changes(old, wanted) if isinstance(old, dict) else []
            if differences and not keeps:
                self._say(f"{title or name}: done again, since {list_some(differences, 3)}")
            (folder / STATE).unlink(missing_ok=True)  # first: what is deleted in part must not count as complete
            if not keeps:
                shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "inputs.json", wanted)
        return Stage(folder, wanted, None)

    def _read_state(self, folder: Path) -> dict[str, Any] | None:
        state = read_json(folder / STATE)
        is_valid = isinstance(state, dict) and state.get("version") == VERSION and {"inputs", "summary"} <= state.keys()
        if not is_valid or not isinstance(state["summary"], dict):
            return None
        return {"files": None, **state}


def _stamp_files(folder: Path) -> dict[str, list[int]]:
    """Returns the files of a stage → size, time and CRC-32."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != STATE)
    return {str(path.relative_to(folder)): [*_stamp(path), _compute_checksum(path)] for path in files}


def _find_damaged(folder: Path, stamps: Any) -> list[str]:
    """Lists what in a stage's folder is missing, changed or added. Only files with another time, such as copies, are read.

    stamps: see `_stamp_files`; None for a stage of an earlier version, which has none.
    """
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() and path.name != STATE}
    if stamps is None:
        return []
    if not isinstance(stamps, dict):
        return sorted(found)
    changed = {name for name, stamp in stamps.items() if not _is_same(folder / name, stamp)}
    return sorted(changed | (found - stamps.keys()))


def _is_same(path: Path, stamp: Any) -> bool:
    try:
        size, changed_at, checksum = stamp
        now = _stamp(path)
        return path.is_file() and now[0] == size and (now[1] == changed_at or _compute_checksum(path) == checksum)
    except (OSError, ValueError, TypeError):
        return False


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _compute_checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def list_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns what a reader should know of changed inputs. Digests tell nothing; other stages have said what changed.

    >>> list_changes({"seed": 1, "revision": "0" * 16}, {"seed": 2, "revision": "1" * 16})
    ['seed was 1 and is 2', 'its files have changed']
    """
    changes = []
    for one in describe_differences(before, now):
        if match := _FILES.match(one):
            changes.append(f"the files of {match['of']} have changed" if match["of"] else "its files have changed")
            continue
        name, _, values = one.partition(" was ")
        if not re.fullmatch(f"'{_DIGEST.pattern}' and is '{_DIGEST.pattern}'", values):
            changes.append(f"{name} changed" if _OPAQUE.search(values) else one)
    return changes


@contextmanager
def open_folder(path: Path, say: Callable[[str], None]) -> Iterator[BuildFolder]:
    """Opens or creates the folder of a data set, which one process builds at a time.

    say: receives notes. Raises DatasetError where another process builds it, where it holds something else, and where it
    cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise DatasetError(f"output: {path} is a file; expected a folder")
    if path.is_dir() and any(path.iterdir()) and not (path / WORK).is_dir():
        raise DatasetError(f"output: {path} holds other files; name an empty folder, or that of an earlier build")
    try:
        (path / WORK).mkdir(parents=True, exist_ok=True)
        with (path / WORK / "lock").open("ab") as handle:
            lock(handle.fileno())
            yield BuildFolder(path, say)
    except BlockingIOError:
        raise DatasetError(f"output: another process builds the data set in {path}") from None
    except pa.ArrowException as problem:
        reason = str(problem).partition("\n")[0]
        raise DatasetError(
            f"a table in {path / WORK} cannot be read: {reason}; delete its folder, and the same command makes it anew"
        ) from problem
    except OSError as problem:
        where = problem.filename or path
        raise DatasetError(
            f"{where} cannot be written: {problem.strerror or problem}; what is finished is kept, and the same command goes on"
        ) from problem


def write_json(path: Path, document: Any) -> None:
    with open_replacement(path) as stream:
        json.dump(document, stream, indent=1, ensure_ascii=False)
        stream.write("\n")


def read_json(path: Path) -> Any:
    """Reads a file that `write_json` wrote; None where there is none, or a damaged one."""
    if not path.is_file():  # reading a pipe would wait for ever
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
