"""Descriptor files: our YAML, and the JSON that Menon & Vondrick published (`{class: [descriptor, …]}`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from bioclip_x.errors import DescriptorError
from bioclip_x.files import read_yaml, replacing

FORMAT: Final = "bioclip-x/descriptors/1"
KINDS: Final = ("descriptor", "background")
_KEYS: Final = ("format", "provenance", "classes", "style")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One visual trait in words.

    kind: "descriptor" for the organism, "background" for where it is found. times: how often its author listed it; said
    once unless the published prompts are wanted to the letter.
    """

    phrase: str
    kind: str = "descriptor"
    times: int = 1


@dataclass(frozen=True, slots=True)
class DescriptorSet:
    """Descriptors by class, under the names their author used.

    classes: class name → its descriptors; an empty tuple where the file names a class and says nothing of it.
    style: how a phrase is put into a sentence ("" leaves it to the text builder).
    notes: what was skipped while reading.
    """

    classes: Mapping[str, tuple[Descriptor, ...]]
    source: str
    style: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def empty_classes(self) -> tuple[str, ...]:
        return tuple(name for name, descriptors in self.classes.items() if not descriptors)


def load_descriptors(path: Path) -> DescriptorSet:
    """Reads a descriptor file; which format it is in is seen from its content.

    Blank and repeated phrases are skipped and noted. Raises DescriptorError, with the class, for anything that is not
    a phrase (numbers, nulls, nested lists), a class name that is no text, an unknown kind or key, or a file that holds
    no class.
    """
    document = read_yaml(path, DescriptorError)
    if not isinstance(document, dict) or not document:
        raise DescriptorError(
            f"{path}: expected a mapping of classes to lists of descriptors, got {_kind_of(document)}"
        )
    # In CBD's files "format" could only be a class, with a list of descriptors.
    is_ours = "format" in document and not isinstance(document["format"], (list, dict))
    if is_ours:
        _check_keys(path, document)
    entries = document["classes"] if is_ours else document
    if not isinstance(entries, dict) or not entries:
        raise DescriptorError(f"{path}: 'classes' holds no class")
    for name in entries:
        if not isinstance(name, str):
            raise DescriptorError(f"{path}: expected the name of a class, got {name!r}; put it in quotes if it is one")
    notes: list[str] = []
    classes = {name: _entry(path, name, entry, notes) for name, entry in entries.items()}
    about = document if is_ours else {}
    return DescriptorSet(classes, str(path), about.get("style") or "", about.get("provenance") or {}, tuple(notes))


def write_descriptors(path: Path, descriptors: DescriptorSet) -> None:
    """Writes our YAML, atomically."""
    classes: dict[str, Any] = {}
    for name, entries in descriptors.classes.items():
        listed = [entry for entry in entries for _ in range(entry.times)]
        kinds = {kind: said for kind in KINDS if (said := [entry.phrase for entry in listed if entry.kind == kind])}
        classes[name] = kinds or []
    document: dict[str, Any] = {"format": FORMAT, "provenance": dict(descriptors.provenance), "classes": classes}
    if descriptors.style:
        document["style"] = descriptors.style
    with replacing(path) as handle:
        yaml.safe_dump(document, handle, allow_unicode=True, sort_keys=False, width=120)


def _check_keys(path: Path, document: Mapping[Any, Any]) -> None:
    if document["format"] != FORMAT:
        raise DescriptorError(f"{path}: format {document['format']!r} is not known; expected {FORMAT!r}")
    unknown = sorted(str(key) for key in document if key not in _KEYS)
    if unknown:
        raise DescriptorError(f"{path}: unknown keys {', '.join(unknown)}; known: {', '.join(_KEYS)}")
    if "classes" not in document:
        raise DescriptorError(f"{path}: no 'classes'; expected a mapping of classes to descriptors under this key")
    for key, kind, kind_name in (("style", str, "a name"), ("provenance", dict, "a mapping")):
        if not isinstance(document.get(key), (kind, type(None))):
            raise DescriptorError(f"{path}: {key!r} must be {kind_name}, got {_kind_of(document[key])}")


def _entry(path: Path, name: str, entry: Any, notes: list[str]) -> tuple[Descriptor, ...]:
    by_kind = entry if isinstance(entry, dict) else {"descriptor": entry}
    unknown = sorted(str(kind) for kind in by_kind if kind not in KINDS)
    if unknown:
        raise DescriptorError(f"{path}: {name!r} has {', '.join(unknown)}; known kinds are {', '.join(KINDS)}")
    found: dict[tuple[str, str], Descriptor] = {}
    for kind, phrases in by_kind.items():
        if not isinstance(phrases, list):
            raise DescriptorError(f"{path}: {name!r}: expected a list of phrases, got {_kind_of(phrases)}")
        for phrase in phrases:
            if not isinstance(phrase, str):
                raise DescriptorError(
                    f"{path}: {name!r}: expected phrases, got {phrase!r}; put it in quotes if it is one"
                )
            clean = " ".join(phrase.split())
            if not clean or (kind, clean) in found:
                notes.append(f"{path}: {name!r}: skipped a {'repeated' if clean else 'blank'} {kind} {clean!r}")
            if clean:
                times = found[kind, clean].times + 1 if (kind, clean) in found else 1
                found[kind, clean] = Descriptor(clean, kind, times)
    return tuple(found.values())


def _kind_of(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
