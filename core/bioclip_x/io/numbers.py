"""Parses whole numbers in texts of files, strictly."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile("[0-9]{1,18}")


def parse_whole_number(text: str) -> int | None:
    """Returns a number of up to 18 digits, which int64 holds; None for any other text.

    `str.isdigit` holds for "²", and `isdecimal` for a text of 5,000 digits: `int` refuses both.

    >>> parse_whole_number("042"), parse_whole_number("²"), parse_whole_number("-1"), parse_whole_number("9" * 5000)
    (42, None, None, None)
    """
    return int(text) if _DIGITS.fullmatch(text) else None
