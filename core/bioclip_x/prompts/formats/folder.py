"""A folder of descriptor files, joined: CuPL's sentences, for example, are in several files (full, base, per data set)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioclip_x.errors import DescriptorError
from bioclip_x.records.texts.descriptor import Descriptor, DescriptorSet

SUFFIXES: Final = (".json", ".yaml", ".yml", ".csv", ".tsv")


def read(folder: Path, load: Callable[[Path], DescriptorSet]) -> DescriptorSet:
    """Reads and joins all descriptor files of a folder, in the order of their names.

    load: reads one file. Raises DescriptorError as `load` does, for a folder without such files, and where some files have
    sentences and others do not.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise DescriptorError(
            f"{folder} is a folder without descriptor files ({', '.join(SUFFIXES)}); give a descriptor file or a folder of them"
        )
    parts = [load(file) for file in files]
    styles = {part.style: Path(part.source).name for part in parts}
    if len(styles) > 1:
        examples = ", ".join(f"{name} is {style or 'phrases'!r}" for style, name in styles.items())
        raise DescriptorError(f"{folder}: files of several styles ({examples}); keep each style in its own folder")
    classes: dict[str, dict[tuple[str, str], Descriptor]] = {}
    for part in parts:
        for name, entries in part.classes.items():
            joined = classes.setdefault(name, {})
            n_before = sum(one.times for one in joined.values())
            for entry in entries:
                moved = replace(entry, places=tuple(n_before + place for place in entry.places))
                if before := joined.get((entry.kind, entry.phrase)):
                    places = (*before.places, *moved.places)
                    moved = replace(before, times=before.times + entry.times, places=places)
                joined[entry.kind, entry.phrase] = moved
    merged = {name: tuple(joined.values()) for name, joined in classes.items()}
    notes = tuple(note for part in parts for note in part.notes)
    return DescriptorSet(merged, str(folder), parts[0].style, {"files": [file.name for file in files]}, notes)
