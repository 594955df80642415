"""Phrases and names as they are compared: lower case, without punctuation, articles and the s of the plural."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s?\b|(?<=s)['’](?=\s|$)")
_ARTICLES: Final = ("a", "an", "the")


@lru_cache(maxsize=65536)
def split_words(text: str) -> tuple[str, ...]:
    """
    >>> words("The great tits' black cap"), words("black-footed")
    (('great', 'tit', 'black', 'cap'), ('black', 'footed'))
    """
    plain = _POSSESSIVE.sub("", text.casefold())
    return tuple(_singular(word) for word in _WORD.findall(plain) if word not in _ARTICLES)


def _singular(word: str) -> str:
    """Roughly: what it makes of a word only needs to be the same for both numbers."""
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


def contains_name(phrase: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether the words of a name stand in a phrase, one after the other.

    >>> holds(("a", "b", "c"), ("b", "c")), holds(("a", "b", "c"), ("a", "c"))
    (True, False)
    """
    n = len(name)
    return bool(n) and any(phrase[i : i + n] == name for i in range(len(phrase) - n + 1))
