"""Cleans captions of models: one line of bounded length, without control characters; or why a caption is of no use."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from bioclip_x.limits import CAPTION_CHARACTERS

LONGEST: Final = 400
"""Characters of a caption; CLIP's text encoders read about 300 (77 tokens)."""

_THOUGHTS: Final = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_PREAMBLE: Final = re.compile(
    r"(?:sure|certainly|of course)?[,.!:]?\s*"
    r"(?:here(?: is|'s) (?:a|the|your) (?:short |brief )?(?:caption|description)[^:]{0,60}:"
    r"|(?:caption|description|answer)\s*:)\s*",
    re.IGNORECASE,
)
_REFUSAL: Final = re.compile(
    r"(?:i(?:'m| am)|we(?:'re| are)) (?:so |very |really )?(?:sorry|afraid|unable|not able|not allowed)\b"
    r"|(?:sorry|apologies|my apologies|unfortunately)\b"
    r"|i apologi[sz]e\b"
    r"|as an ai\b|as a (?:large )?language model\b"
    r"|(?:i|we) (?:can ?not|can't|could not|couldn't|won't|will not|do not|don't|am unable to) (?:see|view|access|assist|help|"
    r"identify|describe|provide|comply|process|fulfil|tell|determine|open|analy[sz]e|make out)\b"
    r"|(?:there is )?no image (?:was |is |has been )?(?:provided|attached|given|visible|uploaded)\b"
    r"|(?:please|could you|can you) (?:provide|upload|share|attach)\b",
    re.IGNORECASE,
)
_DROPPED: Final = frozenset({"Cf", "Co", "Cs", "Cn"})
"""Categories of characters that show nothing, and such as reverse a line."""
_QUOTES: Final = {'"': '"', "“": "”", "'": "'", "‘": "’", "«": "»", "`": "`"}


class UnusableCaption(Exception):
    """An answer is no caption. The message is the reason."""


def clean_caption(answer: str, longest: int = LONGEST) -> str:
    """Returns an answer as a caption: its words in one line, cut at the end of a sentence or a word.

    What a model thinks before it answers, an introduction, quotes around the whole and Markdown's emphasis are taken off. Raises
    UnusableCaption for an answer without letters, and for a refusal.

    >>> clean_caption('Caption: "A small bird\\nwith a **yellow** breast."')
    'A small bird with a yellow breast.'
    """
    text = to_line(_THOUGHTS.sub(" ", answer[:CAPTION_CHARACTERS]))
    text = _PREAMBLE.sub("", text, count=1) if _PREAMBLE.match(text) else text
    text = text.replace("**", "").replace("__", "").strip("# ")
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    if not any(character.isalpha() for character in text):
        raise UnusableCaption("the model returned no words")
    if _REFUSAL.match(text.replace("’", "'").lstrip("\"'* ")):
        raise UnusableCaption(f"the model refused: {text[:80]}")
    return shorten(text, longest)


def to_line(text: str) -> str:
    """Returns a text in one line: control characters are blanks, those that show nothing are gone, and blanks stand alone.

    >>> to_line("a\\x00b\\u202ec\\n\\td")
    'a bc d'
    """
    shown = (" " if unicodedata.category(c) == "Cc" else c for c in text if unicodedata.category(c) not in _DROPPED)
    return " ".join("".join(shown).split())


def shorten(text: str, longest: int) -> str:
    """Cuts a text after the last sentence that fits, if that keeps half of the room, else after the last word.

    >>> shorten("A red cap. A white stem with a ring.", 20), shorten("A red cap on a stem", 12)
    ('A red cap.', 'A red cap on')
    """
    if len(text) <= longest:
        return text
    head = text[: longest + 1]
    sentence = max(head.rfind(mark) for mark in (". ", "! ", "? "))
    if sentence + 1 >= longest / 2:
        return head[: sentence + 1]
    word = head.rfind(" ")
    return head[:word] if word > 0 else head[:longest]
