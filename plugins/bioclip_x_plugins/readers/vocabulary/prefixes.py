"""Names as databases of sequences write them: with the rank as a prefix (`g__Parus`), and with underscores for spaces."""

from __future__ import annotations

import re
from typing import Final

PREFIX_RANKS: Final = {
    "d": "domain", "sk": "superkingdom", "k": "kingdom", "p": "phylum", "c": "class", "o": "order", "f": "family",
    "g": "genus", "s": "species", "ssp": "subspecies", "t": "strain",
}  # fmt: skip

_PREFIX = re.compile(r"([a-z]{1,3})__(.*)", re.DOTALL)
# GTDB, Greengenes and SILVA number the parts of a group that is not natural: Firmicutes_A, Clostridia_258483, Prevotella_9.
_NUMBERED = re.compile(r"[^\s_]+(?:_[A-Z]{1,3})?(?:_\d+)?")
_LOW_RANKS: Final = frozenset({"species", "subspecies", "variety", "form", "strain"})


def split_prefix(text: str) -> tuple[str, str]:
    """Splits a name into the rank of its prefix and the rest; without a known prefix, the rank is "".

    >>> split_prefix("g__Parus"), split_prefix("Parus"), split_prefix("x__y")
    (('genus', 'Parus'), ('', 'Parus'), ('', 'x__y'))
    """
    match = _PREFIX.fullmatch(text)
    rank = PREFIX_RANKS.get(match[1], "") if match else ""
    return (rank, match[2]) if match and rank else ("", text)


def replace_underscores(name: str, rank: str) -> str:
    """Replaces underscores by spaces, unless the name has spaces already, or they set off the number of a group.

    >>> replace_underscores("Parus_major", "species"), replace_underscores("Firmicutes_A", "phylum")
    ('Parus major', 'Firmicutes_A')
    >>> replace_underscores("Pseudomonas_E putida_A", "species")
    'Pseudomonas_E putida_A'
    """
    if "_" not in name or " " in name or (rank not in _LOW_RANKS and _NUMBERED.fullmatch(name)):
        return name
    return name.replace("_", " ").strip()
