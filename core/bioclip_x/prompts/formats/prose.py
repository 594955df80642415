"""`{class: "Several sentences of prose. …"}`: descriptions from field guides, as published with PEEB for CUB's birds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.prompts.formats.collector import DescriptorCollector, name_kind
from bioclip_x.records.texts.descriptor import DescriptorSet

_END: Final = re.compile(r"(?<=[a-z0-9)\"”][.!?])\s*(?=[A-Z\"“])")
"""End of a sentence. Initials (J. Smith) and U.S. do not match, as they have a capital before the full stop."""


def sniff(document: Any) -> bool:
    """Recognises documents in which all values are text and most have several sentences; a single phrase is not prose."""
    if not isinstance(document, dict) or not document:
        return False
    texts = [text for text in document.values() if isinstance(text, str)]
    return len(texts) == len(document) and 2 * sum(len(split_sentences(text)) > 1 for text in texts) > len(texts)


def read(path: Path, document: Mapping[Any, Any]) -> DescriptorSet:
    """Reads a document, one descriptor per sentence."""
    collector = DescriptorCollector(path)
    for name, text in document.items():
        if not isinstance(text, str):
            collector.add_error(f"{name!r}: expected prose, got {name_kind(text)}")
        elif collector.add_class(name):
            for sentence in split_sentences(text):
                collector.add(name, sentence)
    return collector.finish("sentence")


def split_sentences(text: str) -> list[str]:
    """
    >>> split_sentences("Males are red (in May).Females are olive. ")
    ['Males are red (in May).', 'Females are olive.']
    """
    return [sentence for part in _END.split(text) if (sentence := part.strip())]
