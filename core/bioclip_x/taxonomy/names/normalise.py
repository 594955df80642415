"""Normalises names for comparison, and indexes names in normalised form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

NO_IDS: Final[Mapping[str, str]] = MappingProxyType({})
_APOSTROPHES = re.compile("['’‘`´ʻʼ]")
_HYPHENS = re.compile("[-‐‑‒–]")
_LETTERS: Final = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i"})
"""Letters that Unicode does not decompose."""
_ENDINGS: Final = (("us", "a", "um"), ("is", "e"), ("er", "ra", "rum"))


def normalise_name(name: str) -> str:
    """Returns a name in the form used for comparison: NFKC, case folded, `_` as space, single spaces, × as x, without †.

    >>> normalise_name("  Black_footed  ALBATROSS "), normalise_name("Quercus ×hispanica")
    ('black footed albatross', 'quercus x hispanica')
    """
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name).replace("×", " x ").replace("†", " ").casefold()
    return " ".join(name.replace("_", " ").lower().split())


def fold_common_name(name: str) -> str:
    """Returns a common name without what writers of lists leave out: accents, apostrophes, and hyphens, which become spaces.

    >>> fold_common_name("Anna’s Hummingbird"), fold_common_name("Black-footed_Albatross"), fold_common_name("Weißtanne")
    ('annas hummingbird', 'black footed albatross', 'weisstanne')
    """
    key = normalise_name(name)
    if not key.isascii():
        letters = unicodedata.normalize("NFD", key.casefold()).translate(_LETTERS)
        key = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_HYPHENS.sub(" ", _APOSTROPHES.sub("", key)).split())


def make_gender_variants(epithet: str) -> tuple[str, ...]:
    """Returns a Latin epithet and its forms in the other grammatical genders.

    >>> make_gender_variants("caeruleus")
    ('caeruleus', 'caerulea', 'caeruleum')
    """
    for endings in _ENDINGS:
        for ending in endings:
            if epithet.endswith(ending):
                stem = epithet.removesuffix(ending)
                return tuple(dict.fromkeys((epithet, *(stem + other for other in endings))))
    return (epithet,)


class NameIndex:
    """Maps keys to nodes. Nearly all keys have one node, so keys with several are stored separately."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        self._first: dict[str, int] = {}
        self._all: dict[str, list[int]] = {}
        first = self._first
        for key, node in pairs:
            other = first.setdefault(key, node)
            if other != node and node not in (several := self._all.setdefault(key, [other])):
                several.append(node)

    def get(self, key: str) -> Sequence[int]:
        """Returns the nodes of a key in insertion order; empty for an unknown key."""
        if key in self._all:
            return self._all[key]
        node = self._first.get(key)
        return () if node is None else (node,)

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)
