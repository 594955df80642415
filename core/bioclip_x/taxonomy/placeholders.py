"""Words that stand in a cell for "no value": NA, unknown, incertae sedis, "-". One list for all readers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

PLACEHOLDERS: Final = frozenset({
    # written by spreadsheets, pandas, R and databases
    "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "none", "null", "nil", "#null!", "\\n", "not available",
    "not applicable", "missing", "no data",
    # written by taxonomists and classifiers of sequences
    "unknown", "unassigned", "not assigned", "unidentified", "not identified", "unclassified", "not classified",
    "undetermined", "indet", "undet", "undefined", "unspecified", "not specified", "unplaced", "unallocated",
    "incertae sedis", "incertaesedis", "inc. sed.", "unranked", "no rank", "no name", "noname", "uncultured",
})  # fmt: skip
"""In lower case, with spaces for underscores. Any cell of dashes, dots or question marks is one too."""

_LONGEST: Final = max(map(len, PLACEHOLDERS)) + 1
_MARKS: Final = re.compile(r"[-‐-―−.?·*]+")
_SPACES: Final = re.compile(r"[\s_]+")


def is_placeholder(text: str) -> bool:
    """Whether a whole cell means that there is no value, in any case; False for a blank one.

    >>> [is_placeholder(text) for text in ("NaN", "Incertae_sedis", "-", "??", "Unknownia", "")]
    [True, True, True, True, False, False]
    """
    text = text.strip()
    return len(text) <= _LONGEST and _is_listed(text)


def drop_placeholder(text: str) -> str:
    """Returns a cell's text without surrounding blanks; "" for a placeholder."""
    return "" if is_placeholder(text) else text.strip()


@lru_cache(maxsize=65536)
def _is_listed(text: str) -> bool:
    word = _SPACES.sub(" ", text).strip().lower()
    return word in PLACEHOLDERS or word.removesuffix(".") in PLACEHOLDERS or _MARKS.fullmatch(word) is not None
