"""Splits NEXUS into its commands: words up to a semicolon, with comments in brackets and names in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_QUOTED: Final = r"'[^']*(?:''[^']*)*'"
_COMMENT: Final = r"\[[^\]]*\]"
_END = re.compile(rf"{_QUOTED}|{_COMMENT}|(;)")
_START = re.compile(rf"(?:\s|{_COMMENT})*(?:#NEXUS)?(?:\s|{_COMMENT})*(\w*)", re.IGNORECASE)
_WORD = re.compile(rf"{_COMMENT}|({_QUOTED}|[^\s',\[\]]+)")
_PAIR = re.compile(rf"(?:\s|{_COMMENT})*({_QUOTED}|[^\s',\[\]]+)(?:\s|{_COMMENT})+({_QUOTED}|[^\s',\[\]]+)")
_TREE = re.compile(rf"(?:\s|{_COMMENT})*\*?\s*({_QUOTED}|[^\s=\[\]]+)(?:\s|{_COMMENT})*=")


@dataclass(frozen=True, slots=True)
class Command:
    """word: the first word, in capitals. body: what follows, without the semicolon. start: of the body in the file."""

    word: str
    body: str
    start: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree's name, and the positions of its Newick text in the file, with the semicolon."""

    name: str
    start: int
    stop: int


def find_commands(text: str) -> Iterator[Command]:
    """Yields the commands of a file, without what follows the last semicolon."""
    start = 0
    for end in _END.finditer(text):
        if not end[1]:
            continue
        word = _START.match(text, start, end.start())
        if word:
            yield Command(word[1].upper(), text[word.end() : end.start()], word.end())
        start = end.end()


def split_words(command: Command) -> list[str]:
    return [read_label(match[1]) for match in _WORD.finditer(command.body) if match[1]]


def split_translation(command: Command) -> dict[str, str]:
    """Returns the names of a command TRANSLATE by the tokens that stand for them in trees."""
    return {read_label(token): read_label(name) for token, name in _PAIR.findall(command.body)}


def split_tree(command: Command) -> Tree | None:
    """Splits a command TREE; None for one without a name."""
    match = _TREE.match(command.body)
    if not match:
        return None
    return Tree(read_label(match[1]), command.start + match.end(), command.start + len(command.body) + 1)


def read_label(text: str) -> str:
    """Unquotes a name; in one without quotes, underscores are spaces.

    >>> read_label("Parus_major"), read_label("'Bell''s_vireo'")
    ('Parus major', "Bell's_vireo")
    """
    if text.startswith("'"):
        return text[1:-1].replace("''", "'").strip()
    return text.replace("_", " ").strip()
