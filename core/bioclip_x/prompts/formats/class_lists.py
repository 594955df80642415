"""`{class: [phrase, …]}` in JSON or YAML, the usual format of published descriptors.

CBD (Menon & Vondrick, ICLR 2023), WaffleCLIP (Roth et al., ICCV 2023) and LaBo (Yang et al., CVPR 2023): short phrases.
CuPL (Pratt et al., ICCV 2023): whole sentences, recognised by their beginning and end.
PEEB (Pham et al., NAACL 2024): "back: brilliant red", or body parts as keys, {back: brilliant red}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts.formats.collector import DescriptorCollector, name_kind
from bioclip_x.records.texts.descriptor import KINDS, Descriptor, DescriptorSet

SENTENCES: Final = 0.8
"""Fraction of phrases that must be sentences, or begin with a body part, for the whole file to count as such."""

MOST_PARTS: Final = 40
"""Most body parts of a file. If more different texts precede a colon, they are not body parts."""

_SENTENCE_START: Final = re.compile(r"[A-Z\d\"'(]")
_SENTENCE_WORDS: Final = 5
"""Least number of words of a sentence."""
_PART = re.compile(r"^([A-Za-z][A-Za-z -]{0,24}): ?\S")


def read(path: Path, document: Any) -> DescriptorSet:
    """Reads a document. Raises DescriptorError that names every class with something other than phrases."""
    if not isinstance(document, dict) or not document:
        raise DescriptorError(
            f"{path}: expected a mapping of classes to lists of descriptors, got {name_kind(document)}"
        )
    collector = DescriptorCollector(path)
    for name, entry in document.items():
        if collector.add_class(name):
            _add_class(collector, name, entry)
    descriptors = collector.finish()
    if _are_sentences(descriptors):
        descriptors = replace(descriptors, style="sentence")
    return split_parts(descriptors)


def _add_class(collector: DescriptorCollector, name: str, entry: Any) -> None:
    by_kind = entry if isinstance(entry, dict) else {"descriptor": entry}
    if _has_parts(entry):
        for part, text in entry.items():
            clean = " ".join(str(part).replace("_", " ").split())
            collector.add(name, f"{clean}: {text}" if text.strip() else "", part=clean)
        return
    for kind, phrases in by_kind.items():
        if not collector.check_kind(name, kind):
            continue
        if not isinstance(phrases, list):
            collector.add_error(f"{name!r}: expected a list of phrases, got {name_kind(phrases)}")
            continue
        for phrase in phrases:
            collector.add(name, phrase, kind)


def _has_parts(entry: Any) -> bool:
    """Whether an entry is like {back: brilliant red, …}: every value is text and no key is a kind."""
    return (
        isinstance(entry, dict)
        and not set(entry) & set(KINDS)
        and all(isinstance(text, str) for text in entry.values())
    )


def _are_sentences(descriptors: DescriptorSet) -> bool:
    phrases = [entry.phrase for entries in descriptors.classes.values() for entry in entries]
    return bool(phrases) and sum(map(is_sentence, phrases)) >= SENTENCES * len(phrases)


def is_sentence(phrase: str) -> bool:
    """
    >>> is_sentence("A goldfish is a small orange fish."), is_sentence("a small orange fish.")
    (True, False)
    """
    words = phrase.split()
    if len(words) < _SENTENCE_WORDS or not _SENTENCE_START.match(phrase):
        return False
    last = words[-1].rstrip("\"')")
    return len(last) > 1 and last.endswith((".", "!", "?"))


def split_parts(descriptors: DescriptorSet) -> DescriptorSet:
    """Adds its body part to each descriptor, if the file's descriptors begin with parts ("back: brilliant red")."""
    matches = {
        entry.phrase: match[1].strip().lower() if (match := _PART.match(entry.phrase)) else ""
        for entries in descriptors.classes.values()
        for entry in entries
    }
    parts = set(matches.values()) - {""}
    n_with = sum(1 for part in matches.values() if part)
    if not parts or len(parts) > MOST_PARTS or n_with < SENTENCES * len(matches):
        return descriptors
    classes = {name: _add_parts(entries, matches) for name, entries in descriptors.classes.items()}
    return replace(descriptors, classes=classes)


def _add_parts(entries: tuple[Descriptor, ...], parts: Mapping[str, str]) -> tuple[Descriptor, ...]:
    return tuple(replace(entry, part=entry.part or parts[entry.phrase]) for entry in entries)
