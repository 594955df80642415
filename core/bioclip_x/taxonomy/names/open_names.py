"""Recognises names in lists that are not the name of one taxon: slashes, hybrids between species, cf., aff., sp."""

from __future__ import annotations

import re
from typing import Final

_CROSS: Final = frozenset({"x", "×", "✕"})
_DOUBT: Final = frozenset({"cf", "aff", "nr", "near"})
_GENUS_ALONE = re.compile(r"([^\W\d_][\w-]+)[ _](?:sp|spp)\.?", re.IGNORECASE)


def find_genus_alone(name: str) -> str:
    """Returns the genus of a name that gives no species; "" for any other name.

    >>> find_genus_alone("Loxia sp."), find_genus_alone("Loxia sp. 3"), find_genus_alone("Loxia curvirostra")
    ('Loxia', '', '')
    """
    match = _GENUS_ALONE.fullmatch(name.strip())
    return match[1] if match else ""


def is_open_name(name: str) -> bool:
    """Whether a name may be several species: a slash, a hybrid of two species, a doubtful or numbered species.

    A hybrid with a name of its own (Quercus × hispanica) is one taxon.

    >>> [is_open_name(name) for name in ("Loxia curvirostra/pytyopsittacus", "Loxia cf. curvirostra", "Quercus x hispanica")]
    [True, True, False]
    """
    if re.search(r"[^\W\d_]\.? ?/ ?[^\W\d_]", name):
        return True
    words = name.replace("_", " ").split()
    if any(word.rstrip(".").lower() in _DOUBT for word in words[1:-1]):
        return True
    if any(word.lower() in ("sp.", "spp.", "sp") for word in words[1:]):
        return True
    crosses = [place for place, word in enumerate(words) if word.lower() in _CROSS and 0 < place < len(words) - 1]
    return any(place > 1 or words[place + 1][0].isupper() for place in crosses)
