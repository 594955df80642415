"""Reads descriptor files in any known format, and writes them in the format of `bioclip_x_yaml`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import read_yaml
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.messages import list_some
from bioclip_x.prompts.formats import bioclip_x_yaml, class_lists, cub_attributes, finer, folder, prose, table
from bioclip_x.prompts.formats.bioclip_x_yaml import FORMAT
from bioclip_x.prompts.formats.repeated_keys import read_joined
from bioclip_x.records.texts.descriptor import KINDS, Descriptor, DescriptorSet, list_as_published

__all__ = ["FORMAT", "KINDS", "Descriptor", "DescriptorSet", "load_descriptors", "write_descriptors"]


def load_descriptors(path: Path) -> DescriptorSet:
    """Reads a descriptor file or a folder of such files; the format is recognised by its content.

    Formats: the project's YAML; CSV and TSV; `{class: [descriptor, …]}` as published with CBD, WaffleCLIP, LaBo, CuPL and
    PEEB, also with body parts as keys; FineR's replies by image; `{class: prose}`; a folder of such files, whose lists are
    joined; the CUB-200-2011 folder.

    Blank and repeated phrases are skipped and noted; a class given twice in third-party JSON is noted and its lists are
    joined. Raises DescriptorError that names every class or line with something other than a phrase (numbers, nulls, nested
    lists), a class name that is not text, or an unknown kind or key; and for a file without classes.
    """
    if _is_folder(path):
        return cub_attributes.read(path) if cub_attributes.sniff(path) else folder.read(path, load_descriptors)
    if table.sniff(path):
        return table.read(path)
    try:
        document = read_yaml(path, DescriptorError)
    except DescriptorError:
        joined = read_joined(path) if path.suffix.lower() == ".json" else None
        if joined is None or bioclip_x_yaml.sniff(joined[0]):
            raise
        document, repeated = joined
        descriptors = class_lists.read(path, document)
        note = f"{path}: classes given twice, lists joined: {list_some(repeated)}"
        return replace(descriptors, notes=(note, *descriptors.notes))
    if bioclip_x_yaml.sniff(document):
        return bioclip_x_yaml.read(path, document)
    if finer.sniff(document):
        return finer.read(path, document)
    return prose.read(path, document) if prose.sniff(document) else class_lists.read(path, document)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long; opening the file says so
        return False


def write_descriptors(path: Path, descriptors: DescriptorSet) -> None:
    """Writes the project's YAML format, atomically."""
    classes: dict[str, Any] = {}
    for name, entries in descriptors.classes.items():
        repeated = [entries[index] for index in list_as_published(entries)]
        by_kind = {kind: [_dump_entry(entry) for entry in repeated if entry.kind == kind] for kind in KINDS}
        classes[name] = {kind: phrases for kind, phrases in by_kind.items() if phrases} or []
    document: dict[str, Any] = {"format": FORMAT, "provenance": dict(descriptors.provenance), "classes": classes}
    if descriptors.style:
        document["style"] = descriptors.style
    with open_replacement(path) as handle:
        yaml.dump(document, handle, _Dumper, allow_unicode=True, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes repeated objects in full instead of anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump_entry(entry: Descriptor) -> str | dict[str, Any]:
    details: dict[str, Any] = {"part": entry.part} if entry.part else {}
    if entry.weight != 1:
        details["weight"] = entry.weight
    return {"phrase": entry.phrase, **details} if details else entry.phrase
