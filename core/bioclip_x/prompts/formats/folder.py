"""A folder of descriptor files, joined: CuPL's sentences come in several (full, base, per data set)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioclip_x.errors import DescriptorError
from bioclip_x.records.descriptor import Descriptor, DescriptorSet

SUFFIXES: Final = (".json", ".yaml", ".yml", ".csv", ".tsv")


def read(folder: Path, load: Callable[[Path], DescriptorSet]) -> DescriptorSet:
    """What all files of a folder say of each class, in the order of their names.

    load: reads one file. Raises DescriptorError as it does, for a folder without such files, and where some are sentences
    and others are not.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise DescriptorError(
            f"{folder} is a folder; expected a descriptor file, or some ({', '.join(SUFFIXES)}) in it"
        )
    found = [load(file) for file in files]
    styles = {one.style: Path(one.source).name for one in found}
    if len(styles) > 1:
        told = ", ".join(f"{name} is {style or 'phrases'!r}" for style, name in styles.items())
        raise DescriptorError(f"{folder}: its files are of several styles ({told}); keep each style in its own folder")
    classes: dict[str, dict[tuple[str, str], Descriptor]] = {}
    for one in found:
        for name, entries in one.classes.items():
            said = classes.setdefault(name, {})
            for entry in entries:
                before = said.get((entry.kind, entry.phrase))
                said[entry.kind, entry.phrase] = replace(before, times=before.times + entry.times) if before else entry
    merged = {name: tuple(said.values()) for name, said in classes.items()}
    notes = tuple(note for one in found for note in one.notes)
    return DescriptorSet(merged, str(folder), found[0].style, {"files": [file.name for file in files]}, notes)
