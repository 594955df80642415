"""What is odd in the spelling of one text: a wrong encoding, invisible characters, accents in pieces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_QUESTION_INSIDE: Final = re.compile(r"[^\W\d_]\?[^\W\d_]")


def is_surely_fine(text: str) -> bool:
    """Whether `oddities` finds nothing; fast, for the many names in plain letters."""
    return text.isascii() and text.isprintable() and "?" not in text


def find_oddities(text: str) -> Iterator[str]:
    """What is odd, in words; each says how to mend it.

    >>> list(oddities("Dupr\\xc3\\xa9"))
    ["'DuprÃ©' was UTF-8 and read as Windows-1252: perhaps 'Dupré'"]
    """
    if "\ufffd" in text:
        yield f"{text!r} has lost characters (U+FFFD): take them from the original file"
    for character in sorted(set(_INVISIBLE.findall(text))):
        told = unicodedata.name(character, "a control character").lower()
        yield f"{text!r} holds U+{ord(character):04X} ({told}), which cannot be seen: remove it"
    if _QUESTION_INSIDE.search(text):
        yield f"{text!r} has a question mark inside a word: perhaps a letter lost to a wrong encoding"
    if (mended := _read_as_utf_8(text)) is not None:
        yield f"{text!r} was UTF-8 and read as Windows-1252: perhaps {mended!r}"
    elif not unicodedata.is_normalized("NFC", text):
        composed = unicodedata.normalize("NFC", text)
        yield f"{text!r} has letters in pieces (it is not Unicode NFC), and differs from {composed!r}, which looks the same"


def _read_as_utf_8(text: str) -> str | None:
    """The text as it was before its UTF-8 was read as Windows-1252, or None if that is not what happened.

    Bytes of letters that mean something else as UTF-8 are next to never a valid sequence of it by chance.
    """
    if text.isascii():
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return None
