"""`{class: [phrase, …]}`, in JSON or YAML, as others publish it.

CBD (Menon & Vondrick, ICLR 2023), WaffleCLIP (Roth et al., ICCV 2023) and LaBo (Yang et al., CVPR 2023): short phrases.
CuPL (Pratt et al., ICCV 2023): whole sentences; they are told from phrases by how they begin and end.
PEEB (Pham et al., NAACL 2024): "back: brilliant red", or body parts as keys, {back: brilliant red}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts.formats.collector import Gathering, name_kind
from bioclip_x.records.descriptor import KINDS, Descriptor, DescriptorSet

SENTENCES: Final = 0.8
"""The share of phrases that must be sentences, or must begin with a body part, for the whole file to be such."""

MOST_PARTS: Final = 40
"""Body parts in a file. Where more words stand before a colon, they are something else."""

_SENTENCE = re.compile(r"^[A-Z\d\"'(](?:\S*\s+){4,}\S+[.!?][\"')]*$")
_PART = re.compile(r"^([A-Za-z][A-Za-z -]{0,24}): ?\S")


def read(path: Path, document: Any) -> DescriptorSet:
    """Raises DescriptorError naming every class with something else than phrases."""
    if not isinstance(document, dict) or not document:
        raise DescriptorError(
            f"{path}: expected a mapping of classes to lists of descriptors, got {name_kind(document)}"
        )
    gathering = Gathering(path)
    for name, entry in document.items():
        if gathering.name(name):
            _add_class(gathering, name, entry)
    found = gathering.done()
    return split_parts(replace(found, style="sentence")) if _are_sentences(found) else split_parts(found)


def _add_class(gathering: Gathering, name: str, entry: Any) -> None:
    by_kind = entry if isinstance(entry, dict) else {"descriptor": entry}
    if _has_parts(entry):
        for part, text in entry.items():
            clean = " ".join(str(part).replace("_", " ").split())
            gathering.add(name, f"{clean}: {text}" if text.strip() else "", part=clean)
        return
    for kind, phrases in by_kind.items():
        if not gathering.knows_kind(name, kind):
            continue
        if not isinstance(phrases, list):
            gathering.wrong(f"{name!r}: expected a list of phrases, got {name_kind(phrases)}")
            continue
        for phrase in phrases:
            gathering.add(name, phrase, kind)


def _has_parts(entry: Any) -> bool:
    """{back: brilliant red, …}: text under each key, none of which is a kind."""
    return (
        isinstance(entry, dict)
        and not set(entry) & set(KINDS)
        and all(isinstance(text, str) for text in entry.values())
    )


def _are_sentences(found: DescriptorSet) -> bool:
    phrases = [entry.phrase for entries in found.classes.values() for entry in entries]
    return bool(phrases) and sum(map(is_sentence, phrases)) >= SENTENCES * len(phrases)


def is_sentence(phrase: str) -> bool:
    """
    >>> is_sentence("A goldfish is a small orange fish."), is_sentence("a small orange fish.")
    (True, False)
    """
    return bool(_SENTENCE.match(phrase))


def split_parts(found: DescriptorSet) -> DescriptorSet:
    """The same, each descriptor with its part, if the file tells parts ("back: brilliant red")."""
    matches = {
        entry.phrase: match[1].strip().lower() if (match := _PART.match(entry.phrase)) else ""
        for entries in found.classes.values()
        for entry in entries
    }
    parts = set(matches.values()) - {""}
    n_with = sum(1 for part in matches.values() if part)
    if not parts or len(parts) > MOST_PARTS or n_with < SENTENCES * len(matches):
        return found
    return replace(found, classes={name: _each(entries, matches) for name, entries in found.classes.items()})


def _each(entries: tuple[Descriptor, ...], parts: Mapping[str, str]) -> tuple[Descriptor, ...]:
    return tuple(replace(entry, part=entry.part or parts[entry.phrase]) for entry in entries)
