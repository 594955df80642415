"""`{class: "Several sentences of prose. …"}`: field guides' descriptions, as PEEB published them for CUB's birds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.prompts.formats.collector import Gathering, name_kind
from bioclip_x.records.descriptor import DescriptorSet

_END: Final = re.compile(r"(?<=[a-z0-9)\"”][.!?])\s*(?=[A-Z\"“])")
"""Where a sentence ends. An initial (J. Smith) or U.S. has a capital before its point."""


def sniff(document: Any) -> bool:
    """All is text, and most of it of several sentences: a single phrase that should have been a list is no prose."""
    if not isinstance(document, dict) or not document:
        return False
    texts = [text for text in document.values() if isinstance(text, str)]
    return len(texts) == len(document) and 2 * sum(len(split_sentences(text)) > 1 for text in texts) > len(texts)


def read(path: Path, document: Mapping[Any, Any]) -> DescriptorSet:
    """One descriptor a sentence."""
    gathering = Gathering(path)
    for name, text in document.items():
        if not isinstance(text, str):
            gathering.wrong(f"{name!r}: expected prose, got {name_kind(text)}")
        elif gathering.name(name):
            for sentence in split_sentences(text):
                gathering.add(name, sentence)
    return gathering.done("sentence")


def split_sentences(text: str) -> list[str]:
    """
    >>> sentences("Males are red (in May).Females are olive. ")
    ['Males are red (in May).', 'Females are olive.']
    """
    return [sentence for part in _END.split(text) if (sentence := part.strip())]
