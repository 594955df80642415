"""Descriptor files: read in any format that is known, written in bioclip_x_yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import open_replacement, read_yaml
from bioclip_x.messages import list_some
from bioclip_x.prompts.formats import bioclip_x_yaml, class_lists, cub_attributes, folder, prose, table
from bioclip_x.prompts.formats.bioclip_x_yaml import FORMAT
from bioclip_x.prompts.formats.repeated_keys import read_joined
from bioclip_x.records.descriptor import KINDS, Descriptor, DescriptorSet

__all__ = ["FORMAT", "KINDS", "Descriptor", "DescriptorSet", "load_descriptors", "write_descriptors"]


def load_descriptors(path: Path) -> DescriptorSet:
    """Reads a descriptor file, or a folder of some; which format it is in is seen from its content.

    Our YAML; CSV and TSV; `{class: [descriptor, …]}` as CBD, WaffleCLIP, LaBo, CuPL and PEEB published it, also with body
    parts as keys; `{class: prose}`; a folder of such files, of which the lists are joined; and CUB-200-2011's folder.

    Blank and repeated phrases are skipped and noted; so is a class that stands in others' JSON twice (its lists are
    joined). Raises DescriptorError, which names every class or line with anything that is not a phrase (numbers, nulls,
    nested lists), a class name that is no text, an unknown kind or key; or a file that holds no class.
    """
    if path.is_dir():
        return cub_attributes.read(path) if cub_attributes.sniff(path) else folder.read(path, load_descriptors)
    if table.sniff(path):
        return table.read(path)
    try:
        document = read_yaml(path, DescriptorError)
    except DescriptorError:
        joined = read_joined(path) if path.suffix.lower() == ".json" else None
        if joined is None or bioclip_x_yaml.sniff(joined[0]):
            raise
        document, twice = joined
        read = class_lists.read(path, document)
        return replace(read, notes=(f"{path}: given twice, and joined: {list_some(twice)}", *read.notes))
    if bioclip_x_yaml.sniff(document):
        return bioclip_x_yaml.read(path, document)
    return prose.read(path, document) if prose.sniff(document) else class_lists.read(path, document)


def write_descriptors(path: Path, descriptors: DescriptorSet) -> None:
    """Writes our YAML, atomically."""
    written: dict[str, Any] = {}
    for name, entries in descriptors.classes.items():
        listed = [entry for entry in entries for _ in range(entry.times)]
        kinds = {kind: said for kind in KINDS if (said := [_written(entry) for entry in listed if entry.kind == kind])}
        written[name] = kinds or []
    document: dict[str, Any] = {"format": FORMAT, "provenance": dict(descriptors.provenance), "classes": written}
    if descriptors.style:
        document["style"] = descriptors.style
    with open_replacement(path) as handle:
        yaml.dump(document, handle, _Dumper, allow_unicode=True, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Without anchors: what is listed twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _written(entry: Descriptor) -> str | dict[str, Any]:
    about: dict[str, Any] = {"part": entry.part} if entry.part else {}
    if entry.weight != 1:
        about["weight"] = entry.weight
    return {"phrase": entry.phrase, **about} if about else entry.phrase
