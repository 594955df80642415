"""Normalises phrases and names for comparison: lower case, without punctuation, articles and plural s."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s?\b|(?<=s)['’](?=\s|$)")
_ARTICLES: Final = ("a", "an", "the")


@lru_cache(maxsize=65536)
def split_words(text: str) -> tuple[str, ...]:
    """Splits a text into normalised words.

    >>> split_words("The great tits' black cap"), split_words("black-footed")
    (('great', 'tit', 'black', 'cap'), ('black', 'footed'))
    """
    plain = _POSSESSIVE.sub("", text.casefold())
    return tuple(_strip_plural(word) for word in _WORD.findall(plain) if word not in _ARTICLES)


def _strip_plural(word: str) -> str:
    """Strips a plural s, roughly: the result need not be a word, only the same for singular and plural."""
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


def contains_name(phrase: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether a phrase contains the words of a name in sequence.

    >>> contains_name(("a", "b", "c"), ("b", "c")), contains_name(("a", "b", "c"), ("a", "c"))
    (True, False)
    """
    n = len(name)
    return bool(n) and any(phrase[i : i + n] == name for i in range(len(phrase) - n + 1))
