"""Docstrings say of parameters and fields `name: text`, several of them on a line where they are short."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

NAMES: Final = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.*)")


def split_entries(line: str, names: Collection[str]) -> list[tuple[list[str], str]]:
    """Splits a line into what it says of each name; text before the first entry has none.

    >>> split_entries("sd: over seeds. low, high: of the interval.", ["low", "high", "sd"])
    [(['sd'], 'over seeds.'), (['low', 'high'], 'of the interval.')]
    >>> split_entries("Note: none.", ["sd"])
    [([], 'Note: none.')]
    """
    entries: list[tuple[list[str], str]] = []
    for part in re.split(r"(?<=[.;]) (?=\w+(?:, \w+)*: )", line):
        found = NAMES.fullmatch(part)
        own = found["names"].split(", ") if found else []
        if found and set(own) <= set(names):
            entries.append((own, found["text"]))
        elif entries:
            entries[-1] = (entries[-1][0], f"{entries[-1][1]} {part}")
        else:
            entries.append(([], part))
    return entries
