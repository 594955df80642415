"""The folder of a run's results: one Parquet file per partition, and a journal of those that are complete.

`part-00000.parquet`, … hold the results. `_parts.journal` has the header of the run and a record per finished part;
`_provenance.json` is there while all parts are. Readers of folders of Parquet files leave out names with an underscore.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.io.storage.journal import Journal, describe_differences, read_header
from bioclip_x.io.storage.streams import open_binary_output
from bioclip_x.messages import list_some, pluralise

JOURNAL: Final = "_parts.journal"
PROVENANCE: Final = "_provenance.json"
PATTERN: Final = "part-*.parquet"


@dataclass(frozen=True)
class FinishedPart:
    """A part that is complete. failed: its images without a result. digest: of its sources. size: of the file, in bytes."""

    number: int
    first: str
    images: int
    failed: int
    digest: str
    size: int


class PartFolder:
    """The output folder of one run, locked while it is open. Made by `PartFolder.open`; a context manager.

    finished: the parts that are complete, by number: those of an earlier run and those that were added since. again: parts of
    an earlier run with images that failed, which are to be computed again.
    """

    def __init__(self, path: Path, journal: Journal, parts: Mapping[int, FinishedPart]) -> None:
        self.path, self._journal = path, journal
        self.finished = {number: part for number, part in parts.items() if not part.failed}
        self.again = {number: part for number, part in parts.items() if part.failed}

    @classmethod
    def open(cls, path: Path, header: Mapping[str, Any]) -> PartFolder:
        """Opens or creates the folder of a run. header: whatever the results depend on, as JSON.

        Parts whose file is missing, or has another size than it was written with, count as not finished; where a part is to be
        written, the mark of a complete run is removed. Raises RecipeError
        where the folder holds the parts of another run (saying what differs), and BioclipXError where another process
        writes it, or it cannot be written.
        """
        check_folder(path)
        wanted = json.loads(json.dumps(header))
        before = read_header(path / JOURNAL)
        if before is not None and (differences := describe_differences(before, wanted)):
            raise RecipeError(
                f"{path} holds the parts of another run: {list_some(differences)}. Repeat that run to complete it, or give "
                "another --output"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise BioclipXError(f"{path} cannot be written: {problem.strerror or problem}") from problem
        journal, records = Journal.open(path / JOURNAL, wanted)
        known = {part.number: part for part in (FinishedPart(**json.loads(record)) for record in records)}
        folder = cls(path, journal, {number: part for number, part in known.items() if _has_size(path, part)})
        if len(folder.finished) < len(known):
            folder._unmark()
        return folder

    def __enter__(self) -> PartFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def add(self, part: FinishedPart, content: bytes) -> None:
        """Writes a part, which appears only when it is complete. Raises BioclipXError where it cannot be written."""
        self._unmark()
        with open_binary_output(self.path / name_part(part.number)) as stream:
            stream.write(content)
        self._journal.append(json.dumps(asdict(part)).encode())
        self.finished[part.number] = part

    def complete(self, provenance: str) -> None:
        """Writes the provenance, JSON, which marks the run as complete."""
        with open_binary_output(self.path / PROVENANCE) as stream:
            stream.write(provenance.encode("utf-8", "backslashreplace") + b"\n")

    def _unmark(self) -> None:
        try:
            (self.path / PROVENANCE).unlink(missing_ok=True)
        except OSError as problem:
            raise BioclipXError(
                f"{self.path / PROVENANCE} cannot be removed: {problem.strerror or problem}"
            ) from problem


def check_folder(path: Path) -> None:
    """Raises RecipeError for an output that is no folder, and for one that holds parts of an unknown run."""
    if path.exists() and not path.is_dir():
        raise RecipeError(f"--output {path}: expected a folder, which gets a Parquet file per partition; it is a file")
    found = sorted(file.name for file in path.glob(PATTERN)) if path.is_dir() else []
    if found and read_header(path / JOURNAL) is None:
        raise RecipeError(
            f"--output {path}: the folder holds {pluralise(len(found), 'part')} of an unknown run ({list_some(found, 2)}); "
            "give an empty one"
        )


def name_part(number: int) -> str:
    """
    >>> name_part(7)
    'part-00007.parquet'
    """
    return f"part-{number:05}.parquet"


def _has_size(folder: Path, part: FinishedPart) -> bool:
    try:
        return (folder / name_part(part.number)).stat().st_size == part.size
    except OSError:
        return False
