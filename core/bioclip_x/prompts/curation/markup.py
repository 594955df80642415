"""Removes list marks, markup and web addresses from phrases, and recognises phrases without content."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

from bioclip_x.prompts.list_answers import clean_phrase

_BULLET = re.compile(r"^(?:[-–—•‣◦▪·●*+>]\s+|[•‣◦▪·●]|\(?\d{1,2}[.)]\s+|\(?[a-hA-H]\)\s+)+")
_SCRIPT = re.compile(r"(?is)<(script|style)\b[^>]*>.*?(?:</\1\s*>|\Z)")
_TAG = re.compile(r"(?s)<!--.*?-->|</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,6}|#[xX][0-9a-fA-F]{1,5});")
_ESCAPE = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]")
_URL = re.compile(r"(?i) ?(?:\b(?:see|from|source|via|at):?\s+)?[(\[<]?\b(?:https?://|ftp://|www\.)[^\s<>]+[)\]>]?")
_NOTHING = re.compile(
    r"(?i)^(?:there is |i have )?(?:n/?a|none|null|nil|nan|unknown|not (?:available|applicable|specified|known|provided)|"
    r"tbd|todo|etc|no (?:further |other |specific |additional )?(?:information|details?|data|description)\b.*|"
    r"(?:as an ai\b|i(?:'m| am) (?:sorry|an ai|not)\b|i (?:cannot|can't|do not|don't)\b).*)$"
)


def repair_markup(phrase: str, *, is_sentence: bool) -> Iterator[tuple[str, str, str]]:
    """Yields each repair in turn: (kind, message, repaired phrase). is_sentence: keep quotes and the full stop."""
    phrase = " ".join(phrase.split())
    for kind, message, repair in (
        ("invisible characters", "invisible characters", _remove_invisible),
        ("HTML", "markup", _remove_html),
        ("web address", "a web address", lambda text: _URL.sub("", text)),
        ("list mark", "a bullet or list number", lambda text: _BULLET.sub("", text)),
    ):
        after = " ".join(repair(phrase).split())
        if after != phrase:
            yield kind, message, after
            phrase = after
    after = phrase if is_sentence else clean_phrase(phrase)
    if after != phrase:
        yield "punctuation", "quotes, asterisks or a full stop around a phrase", after


def is_empty_answer(phrase: str) -> bool:
    """Whether a phrase says nothing about a trait.

    >>> is_empty_answer("No information about its size."), is_empty_answer("12-14"), is_empty_answer("no tail")
    (True, True, False)
    """
    return not any(map(str.isalpha, phrase)) or bool(_NOTHING.match(phrase.strip(" .:")))


def _remove_invisible(text: str) -> str:
    """Removes terminal escapes, control and bidirectional formatting characters; keeps joiners within words."""
    text = _ESCAPE.sub("", text)
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs") or c in "\t\n\r\u200c\u200d")


def _remove_html(text: str) -> str:
    plain = _TAG.sub(" ", _SCRIPT.sub(" ", text))
    return html.unescape(plain) if _ENTITY.search(plain) else plain
