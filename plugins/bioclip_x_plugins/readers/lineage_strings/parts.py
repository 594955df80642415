"""Splits a lineage text into its parts.

k__Fungi;p__Ascomycota;g__Penicillium;s__      prefixes of ranks; also joined by "|" or ","
D_0__Bacteria;D_1__Firmicutes                  QIIME's prefixes for SILVA: the number of the level
d:Bacteria,p:Firmicutes,g:Blautia              SINTAX
Bacteria(100);Firmicutes(100);unclassified(98) no prefixes; mothur's confidence in percent
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x_plugins.readers.vocabulary.prefixes import PREFIX_RANKS, split_prefix

LEVELS: Final = ("domain", "phylum", "class", "order", "family", "genus", "species")
"""Ranks by position, from the top, of lineages without prefixes."""
HYPOTHESIS: Final = "sh"
"""UNITE's prefix of an identifier of a species hypothesis."""

_FIRST: Final = r"(?:d|sk|k|D_0)__"
PREFIXED: Final = re.compile(rf"{_FIRST}[^\t]*")
"""A lineage with prefixes, from the top."""
_LEVEL = re.compile(r"D_(\d{1,2})__(.*)", re.DOTALL)
_SINTAX = re.compile(r"([a-z]):(.*)", re.DOTALL)
_COMMA = re.compile(r",\s*(?=(?:D_\d{1,2}|[a-z]{1,3})?__|[a-z]:)")
_CONFIDENCE = re.compile(r"\s*\(\d+(?:\.\d+)?%?\)$")
_ROOTS: Final = frozenset({"root", "cellular organisms"})


@dataclass(frozen=True, slots=True)
class Part:
    """One level. rank: "" without a prefix. name: "" for a level without a name."""

    rank: str
    name: str


def split_lineage(text: str) -> tuple[list[Part], str]:
    """Returns the parts of a lineage and the character between them. Raises ValueError for an unknown prefix.

    Confidences, quotes and a root above the top taxon are removed, and placeholders kept.

    >>> split_lineage("k__Fungi;p__Ascomycota;s__")[0][1:]
    [Part(rank='phylum', name='Ascomycota'), Part(rank='species', name='')]
    >>> [part.name for part in split_lineage('Root;"Bacteria"(100);Blautia(97);')[0]]
    ['Bacteria', 'Blautia']
    """
    text = text.rstrip("; |,")
    separator = next((sign for sign in ";|" if sign in text), ",")
    pieces = _COMMA.split(text) if separator == "," else text.split(separator)
    parts = [_parse_part(piece) for piece in pieces]
    while parts and not (parts[-1].rank or parts[-1].name):
        parts.pop()
    if parts and not parts[0].rank and parts[0].name.lower() in _ROOTS:
        parts = parts[1:]
    return parts, separator


def _parse_part(piece: str) -> Part:
    text = _CONFIDENCE.sub("", piece.strip()).replace('"', "").strip()
    if level := _LEVEL.fullmatch(text):
        number = int(level[1])
        return Part(LEVELS[number] if number < len(LEVELS) else f"level {number}", level[2].strip())
    if text in ("__", "_"):
        return Part("", "")
    rank, name = split_prefix(text)
    if not rank and (sintax := _SINTAX.fullmatch(text)):
        rank, name = PREFIX_RANKS.get(sintax[1], ""), sintax[2]
    if not rank and text.startswith(f"{HYPOTHESIS}__"):
        return Part(HYPOTHESIS, text.removeprefix(f"{HYPOTHESIS}__"))
    if not rank and re.match(r"[a-z]{1,3}(?:__|:)", text):
        raise ValueError(f"expected a prefix of {', '.join(f'{one}__' for one in PREFIX_RANKS)}, got {text[:40]!r}")
    return Part(rank, " ".join(name.split()))


def has_prefixes(parts: Sequence[Part]) -> bool:
    return any(part.rank for part in parts)
