"""Formatting for messages."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"  # directions, line separators
    "\xad\u180e\u200b\u2060-\u2065\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # characters without a width, tags
    "\ud800-\udfff]"  # bytes of file names that are no text
    # Joiners, but for those within words of Persian or Hindi, and within emoji.
    "|(?<![\u0300-\u1fff\u2070-\U0010ffff])[\u200c\u200d]"
)


LONGEST_NAME: Final = 400
"""Characters of a name in a list of names; a longer one is cut."""


def list_some(names: Sequence[str], most: int = 5) -> str:
    """Joins the first few names and adds the number of further ones.

    >>> list_some(["a", "b", "c"], most=2)
    'a, b, … (1 more)'
    """
    shown = (name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in names[:most])
    return ", ".join(shown) + (f", … ({len(names) - most} more)" if len(names) > most else "")


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

    So it does characters that cannot be seen, by which two names look alike, and lone surrogates.

    >>> escape_controls("a\\x1b[2J gpj.exe\\u202e"), escape_controls("Parus\\u200b major")
    ('a\\\\x1b[2J gpj.exe\\\\u202e', 'Parus\\\\u200b major')
    """
    return _CONTROLS.sub(lambda c: c[0] if c[0] in keep else c[0].encode("unicode_escape").decode("ascii"), text)


def escape_shown(value: object) -> object:
    """Escapes a text, but for line ends and tabs, and leaves other values: what every expression of a page goes through.

    >>> escape_shown("gpj.exe\\u202e\\n"), escape_shown(3)
    ('gpj.exe\\\\u202e\\n', 3)
    """
    return escape_controls(value, keep="\n\t") if type(value) is str else value  # no markup, which is escaped already


_COLOURS: Final = re.compile(r"(\x1b\[[0-9;]*m)")


def escape_between_colours(text: str) -> str:
    """Escapes control characters of a text for a terminal, but for line ends, tabs and those that set a colour or style.

    >>> escape_between_colours("\\x1b[1mbold\\x1b[0m\\x1b[2J")
    '\\x1b[1mbold\\x1b[0m\\\\x1b[2J'
    """
    parts = _COLOURS.split(text)
    return "".join(part if i % 2 else escape_controls(part, keep="\t\n") for i, part in enumerate(parts))


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
