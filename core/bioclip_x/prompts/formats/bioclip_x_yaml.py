"""The project's YAML format: `format: bioclip-x/descriptors/1`, with provenance, style, kinds, parts and weights.

format: bioclip-x/descriptors/1
classes:
  Turdus merula:
    descriptor: [black plumage, {phrase: a yellow bill, part: bill, weight: 2}]
    background: [on a lawn]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts.formats.collector import WEIGHT, DescriptorCollector, name_kind, quote_value, read_weight
from bioclip_x.records.texts.descriptor import DescriptorSet

FORMAT: Final = "bioclip-x/descriptors/1"
_KEYS: Final = ("format", "provenance", "classes", "style")
_ENTRY_KEYS: Final = ("phrase", "part", "weight")


def sniff(document: Any) -> bool:
    """Recognises the key "format"; in CBD's files it could only be a class, whose value is a list of descriptors."""
    return isinstance(document, dict) and "format" in document and not isinstance(document["format"], (list, dict))


def read(path: Path, document: Mapping[Any, Any]) -> DescriptorSet:
    """Reads a document. Raises DescriptorError with all errors."""
    _check_keys(path, document)
    entries = document["classes"]
    if not isinstance(entries, dict) or not entries:
        raise DescriptorError(f"{path}: 'classes' holds no class")
    collector = DescriptorCollector(path)
    for name, entry in entries.items():
        if collector.add_class(name):
            by_kind = entry if isinstance(entry, dict) else {"descriptor": entry}
            for kind, phrases in by_kind.items():
                if collector.check_kind(name, kind):
                    _add_all(collector, name, kind, phrases)
    return collector.finish(document.get("style") or "", document.get("provenance") or {})


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
            raise DescriptorError(f"{path}: {key!r} must be {kind_name}, got {name_kind(document[key])}")


def _add_all(collector: DescriptorCollector, name: str, kind: str, phrases: Any) -> None:
    if not isinstance(phrases, list):
        collector.add_error(f"{name!r}: expected a list of phrases, got {name_kind(phrases)}")
        return
    for entry in phrases:
        if isinstance(entry, dict):
            _add_long(collector, name, kind, entry)
        else:
            collector.add(name, entry, kind)


def _add_long(collector: DescriptorCollector, name: str, kind: str, entry: Mapping[Any, Any]) -> None:
    """{phrase: …, part: …, weight: …}"""
    unknown = sorted(str(key) for key in entry if key not in _ENTRY_KEYS)
    part, given = entry.get("part", ""), entry.get("weight", 1.0)
    weight = None if isinstance(given, str) else read_weight(given)
    if unknown or "phrase" not in entry:
        expected = f"expected 'phrase' and optionally {', '.join(_ENTRY_KEYS[1:])}"
        collector.add_error(
            f"{name!r}: {expected}, got {quote_value(dict(entry))}; a phrase with a colon must be in quotes"
        )
    elif not isinstance(part, str):
        collector.add_error(
            f"{name!r}: expected the name of a part, got {quote_value(part)}; put it in quotes if it is text"
        )
    elif weight is None:
        collector.add_error(f"{name!r}: expected {WEIGHT}, got {quote_value(given)}")
    else:
        collector.add(name, entry["phrase"], kind, " ".join(part.split()), weight)
