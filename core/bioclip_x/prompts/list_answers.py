"""A language model's answer → phrases. Tolerant of how lists are written, and strict about what is no list.

What is taken, in this order:

1. `<think>…</think>` and code fences go. An answer cut by the token limit loses its last line, which may end in the
   middle of a word, unless a line break follows it.
2. A model that continues the prompt goes on to the next question: only what stands before the second "Q:" counts.
3. Lines that begin with a bullet or a number are the phrases. An indented line after one goes on with it. An item that
   ends in a colon is the heading of others, and is no phrase.
4. Any other line (a preamble, a closing remark) is dropped, but for the first line of an answer to a prompt that opened
   the bullet itself: that is the rest of the first item.
5. Without any bullet, two or more short lines of which none is a sentence are a list too. All else is prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST_PHRASES: Final = 30
LONGEST_PHRASE: Final = 200
"""In characters. What is over is left out, and counted in a note."""

_BARE_WORDS = 12
_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_BULLET = re.compile(r"^(?:[-–—•‣◦▪·●]|\*(?=\s)|\(?\d{1,2}[.)](?=\s|\D))\s*")
_PREAMBLE = re.compile(
    r"(?i)^(?:(?:sure|certainly|of course|here (?:are|is)|there are|below|the following|okay|ok)\b|a:)|:$"
)
_SUBJECT = re.compile(r"(?i)\b(?:distinguishing|there is) (?:an? |the )?(.{1,200}?) in (?:a|the) photo")
_MARKS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)\1")


@dataclass(frozen=True, slots=True)
class Parsed:
    """phrases: in the answer's order, each once. reason: why there is none, else "". notes: what was left out."""

    phrases: tuple[str, ...]
    reason: str = ""
    notes: tuple[str, ...] = ()


def parse_answer(text: str, *, name: str = "", finish_reason: str = "", continued: bool = False) -> Parsed:
    """The phrases of one answer. Never raises.

    name: the class that was asked of; an answer that says it is of another is unusable. finish_reason: "length" for one
    cut by the token limit, "content_filter" for one withheld. continued: whether the prompt ended in an open bullet.

    >>> parse_answer("Here they are:\\n- a **red** cap\\n- white spots").phrases
    ('a red cap', 'white spots')
    """
    lines = _whole_lines(text, finish_reason)
    if not lines:
        return Parsed((), _why_empty(text, finish_reason))
    lines, other = _own_block(lines, name)
    if other:
        return Parsed((), f"it speaks of {other!r}")
    found = _bulleted(lines, continued) or _bare(lines)
    if not found:
        return Parsed((), "prose, and no list")
    phrases, notes = _limited(list(filter(None, map(clean_phrase, found))))
    return Parsed(phrases, "" if phrases else "no item of its list is a phrase", notes)


def clean_phrase(item: str) -> str:
    """One item without markup, quotes around it, or the punctuation that ends it.

    >>> clean_phrase('**Bill**: short and  "stout".')
    'Bill: short and "stout"'
    """
    text = " ".join(_MARKS.sub(r"\2", item).split())
    text = text.rstrip(".;, ")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip().rstrip(".;, ")
    return text if any(map(str.isalnum, text)) else ""


def _whole_lines(text: str, finish_reason: str) -> list[str]:
    said = _THOUGHTS.sub("", text).replace("\r\n", "\n")
    lines = [line.rstrip() for line in said.split("\n")]
    if finish_reason == "length" and lines and lines[-1].strip():
        lines.pop()
    lines = [line for line in lines if not line.lstrip().startswith("```")]
    return lines if any(lines) else []


def _why_empty(text: str, finish_reason: str) -> str:
    if finish_reason == "content_filter":
        return "withheld by the server's content filter"
    if finish_reason == "length":
        return "cut off by the token limit before its first item was whole"
    return "an empty answer" if not text.strip() else "nothing but thoughts"


def _own_block(lines: Sequence[str], name: str) -> tuple[list[str], str]:
    """The lines before the next question, and what they say they speak of if that is not `name`."""
    starts = [i for i, line in enumerate(lines) if line.lstrip().startswith("Q:")]
    if starts and not any(line.strip() for line in lines[: starts[0]]):
        # It repeats the question before it answers.
        starts = starts[1:]
    block = list(lines[: starts[0]] if starts else lines)
    for line in block:
        about = _SUBJECT.search(line)
        if name and about and not _BULLET.match(line.strip()) and not _same(about[1], name):
            return block, about[1]
    return [line for line in block if not line.lstrip().startswith("Q:")], ""


def _same(one: str, other: str) -> bool:
    def plain(name: str) -> str:
        return " ".join(name.replace("_", " ").casefold().split()).strip("*\"'")

    return plain(one) == plain(other)


def _bulleted(lines: Sequence[str], continued: bool) -> list[str]:
    """The items of lines with bullets, [] where there is none."""
    items: list[str] = []
    open_item = False
    for number, line in enumerate(lines):
        text = line.strip()
        bullet = _BULLET.match(text)
        if bullet:
            items.append(text[bullet.end() :])
            open_item = True
        elif open_item and text and line[:1].isspace():
            items[-1] += f" {text}"
        elif continued and number == 0 and text and not _PREAMBLE.search(text) and text[-1] not in ".!?":
            items.append(text)
        else:
            open_item = False
    if not any(_BULLET.match(line.strip()) for line in lines):
        return []
    return [item for item in items if not item.rstrip("* ").endswith(":")]


def _bare(lines: Sequence[str]) -> list[str]:
    """The items of a list without bullets, [] where the lines are no list."""
    items = [line.strip() for line in lines if line.strip() and not _PREAMBLE.search(line.strip())]
    is_list = len(items) > 1 and all(len(item.split()) <= _BARE_WORDS and item[-1] not in ".!?" for item in items)
    return items if is_list else []


def _limited(phrases: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Each phrase once, those that are too long and those that are too many left out."""
    seen: dict[str, str] = {}
    for phrase in phrases:
        seen.setdefault(phrase.casefold(), phrase)
    unique = list(seen.values())
    short = [phrase for phrase in unique if len(phrase) <= LONGEST_PHRASE]
    notes = []
    if len(short) < len(unique):
        notes.append(f"left out {len(unique) - len(short)} phrases of more than {LONGEST_PHRASE} characters")
    if len(short) > MOST_PHRASES:
        notes.append(f"left out {len(short) - MOST_PHRASES} phrases beyond the first {MOST_PHRASES}")
    return tuple(short[:MOST_PHRASES]), tuple(notes)
