"""Formatting for messages."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def list_some(names: Sequence[str], most: int = 5) -> str:
    """Joins the first few names and adds the number of further ones.

    >>> list_some(["a", "b", "c"], most=2)
    'a, b, … (1 more)'
    """
    return ", ".join(names[:most]) + (f", … ({len(names) - most} more)" if len(names) > most else "")


def suggest(name: str, known: Iterable[str]) -> str:
    """Returns the end of a message on an unknown name: the known ones, and those that look like it.

    >>> suggest("rolup", ["flat", "rollup"]), suggest("x", [])
    ("known: flat, rollup; did you mean 'rollup'?", 'known: none')
    """
    names = sorted(known)
    near = " or ".join(map(repr, get_close_matches(name, names, n=2)))
    return f"known: {', '.join(names) or 'none'}" + (f"; did you mean {near}?" if near else "")


def escape_controls(text: str, keep: str = "") -> str:
    """Escapes control characters except those in `keep`, so that none can move the cursor or reverse a line.

    >>> escape_controls("a\\x1b[2J gpj.exe\\u202e")
    'a\\\\x1b[2J gpj.exe\\\\u202e'
    """
    return _CONTROLS.sub(lambda c: c[0] if c[0] in keep else c[0].encode("unicode_escape").decode("ascii"), text)


def shorten(text: str, most: int) -> str:
    """Cuts a text to at most so many characters, with an ellipsis.

    >>> shorten("some words", 20), shorten("some words", 5)
    ('some words', 'some…')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def add_article(noun: str) -> str:
    """Puts the indefinite article before a noun.

    >>> add_article("head"), add_article("image decoder")
    ('a head', 'an image decoder')
    """
    return f"{'an' if noun[0] in 'AEIOaeio' else 'a'} {noun}"


def pluralise(number: int, noun: str, plural: str = "") -> str:
    """Formats a number with its noun.

    >>> pluralise(1, "class", "classes"), pluralise(1200, "taxon", "taxa")
    ('1 class', '1,200 taxa')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
