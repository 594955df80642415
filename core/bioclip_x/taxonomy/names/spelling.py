"""Finds character-level faults of a text: wrong encoding, invisible characters, decomposed accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_QUESTION_INSIDE: Final = re.compile(r"[^\W\d_]\?[^\W\d_]")


def has_no_faults(text: str) -> bool:
    """Fast check for plain ASCII names; if true, `find_faults` finds nothing."""
    return text.isascii() and text.isprintable() and "?" not in text


def find_faults(text: str) -> Iterator[str]:
    """Yields a message for each fault, with a suggested correction.

    >>> list(find_faults("Dupr\\xc3\\xa9"))
    ["'DuprÃ©' was UTF-8 and read as Windows-1252: perhaps 'Dupré'"]
    """
    if "\ufffd" in text:
        yield f"{text!r} has lost characters (U+FFFD): take them from the original file"
    for character in sorted(set(_INVISIBLE.findall(text))):
        name = unicodedata.name(character, "a control character").lower()
        yield f"{text!r} contains the invisible character U+{ord(character):04X} ({name}): remove it"
    if _QUESTION_INSIDE.search(text):
        yield f"{text!r} has a question mark inside a word: perhaps a letter lost to a wrong encoding"
    if (corrected := _reverse_mojibake(text)) is not None:
        yield f"{text!r} was UTF-8 and read as Windows-1252: perhaps {corrected!r}"
    elif not unicodedata.is_normalized("NFC", text):
        composed = unicodedata.normalize("NFC", text)
        yield f"{text!r} has decomposed letters (it is not Unicode NFC), and differs from {composed!r}, which looks the same"


def _reverse_mojibake(text: str) -> str | None:
    """Decodes a text whose UTF-8 was read as Windows-1252; None if it was not.

    Other text in Windows-1252 is almost never valid UTF-8 by chance.
    """
    if text.isascii():
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return None
