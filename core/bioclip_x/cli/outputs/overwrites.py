"""Refuses outputs that would replace an input, or one another, before anything is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.replacement import is_written_in_place, refuse_impossible_name

Named = tuple[str, Path]
"""What the user calls a file (--output, --taxonomy), and its path."""


def refuse_overwriting(outputs: Sequence[Named], inputs: Iterable[Named]) -> None:
    """Raises BioclipXError if an output is the same file as an input or as another output, by whatever path or link.

    outputs: a CSV file stands for the file of its provenance, too. inputs: those that do not exist are ignored.
    """
    for _, output in outputs:
        refuse_impossible_name(output)
    written = [
        (name, path)
        for name, output in outputs
        for path in (output, *list_sidecars(output))
        if not is_written_in_place(path)
    ]
    for number, (name, path) in enumerate(written):
        for other_name, other in written[:number]:
            if is_same_file(path, other):
                raise BioclipXError(f"{other_name} and {name} are the same file, {path}; give each output its own")
    existing = [(name, path) for name, path in written if _exists(path)]
    for input_name, source in inputs if existing else ():
        for name, path in existing:
            if is_same_file(path, source):
                raise BioclipXError(
                    f"{name} {path} would replace what is read: it is the same file as {input_name} {source}; name another "
                    "file"
                )


def list_sidecars(output: Path) -> list[Path]:
    """Lists the files that are written beside an output."""
    return [output.with_name(f"{output.name}.provenance.json")] if output.suffix.lower() == ".csv" else []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name of a file beside an output is too long
        return False


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, also by links; for files that do not exist, whether the paths are the same."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:  # no file's name has a NUL character
        return False
