"""Replies of a language model about images, as FineR publishes them (Liu et al., ICLR 2024): `{image: reply}`.

A reply holds JSON, `{class: [sentence, …]}` for each name that the model guessed, alone or after other text; it may be fenced,
cut off or have a comma too many. The sentences of all images are joined by class.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bioclip_x.messages import list_some
from bioclip_x.prompts.formats import class_lists
from bioclip_x.records.texts.descriptor import DescriptorSet

FEWEST: Final = 0.5
"""Fraction of the texts that must hold a list for a file to be one of replies."""

_STRING = r'"(?:[^"\\]|\\.){0,2000}"'
# Each blank can be matched in one way only: else a list that never ends is tried in 2^n ways.
_LIST = re.compile(rf"({_STRING})\s*:\s*\[\s*((?:{_STRING}\s*(?:,\s*)?)+)(?:\]|\Z)")
_SCIENTIFIC = re.compile(r" ?\([A-Z][a-z-]+ [a-z-]+(?: [a-z-]+)?\)$")


def sniff(document: Any) -> bool:
    if not isinstance(document, dict) or not document:
        return False
    texts = [text for text in document.values() if isinstance(text, str)]
    return len(texts) == len(document) and sum(bool(_LIST.search(text)) for text in texts) >= FEWEST * len(texts)


def read(path: Path, document: dict[Any, str]) -> DescriptorSet:
    """Reads a document that `sniff` recognised. Images whose reply holds no list are noted.

    A key that names several classes ("Poodle, Bulldog") describes each, and a scientific name in brackets is left out.
    """
    phrases: dict[str, dict[str, None]] = {}
    without: list[str] = []
    for image, reply in document.items():
        lists = list(_find_lists(reply))
        if not lists:
            without.append(str(image))
        for key, texts in lists:
            for name in filter(None, map(str.strip, key.split(","))):
                phrases.setdefault(_SCIENTIFIC.sub("", name), {}).update(dict.fromkeys(texts))
    descriptors = class_lists.read(path, {name: list(texts) for name, texts in phrases.items()})
    if not without:
        return descriptors
    note = f"{path}: {len(without)} of {len(document)} replies hold no list of phrases: {list_some(without)}"
    return replace(descriptors, notes=(note, *descriptors.notes))


def _find_lists(reply: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each class and its phrases."""
    for match in _LIST.finditer(reply):
        texts = (_unquote(literal) for literal in re.findall(_STRING, match[2]))
        yield _unquote(match[1]), [text for text in texts if text]


def _unquote(literal: str) -> str:
    try:
        return " ".join(str(json.loads(literal, strict=False)).split())
    except ValueError:  # an escape that JSON does not know
        return " ".join(literal[1:-1].replace("\\", "").split())
