"""Extracts phrases from a language model's answer. Tolerant of list styles, strict about what is not a list.

Rules, in this order:

1. `<think>…</think>` and code fences are removed. An answer cut off by the token limit loses its last line, which may end
   in the middle of a word, unless a line break follows it.
2. A model that continues the prompt goes on to the next question: only the text before the second "Q:" counts.
3. Lines that begin with a bullet or a number are phrases. An indented line continues the item before it. An item that ends
   in a colon is a heading, not a phrase.
4. Other lines (a preamble, a closing remark) are dropped, except the first line of an answer to a prompt that ends in an
   open bullet: it is the first item.
5. Without any bullet, two or more short lines without a sentence among them are a list too. Everything else is prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bioclip_x.limits import ANSWER_CHARACTERS, PHRASE_CHARACTERS, PHRASES
from bioclip_x.messages import pluralise

_BARE_WORDS = 12
_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_BULLET = re.compile(r"^(?:[-–—•‣◦▪·●]|\*(?=\s)|\(?\d{1,2}[.)](?=\s|\D))\s*")
_PREAMBLE = re.compile(
    r"(?i)^(?:(?:sure|certainly|of course|here (?:are|is)|there are|below|the following|okay|ok)\b|a:)|:$"
)
_SUBJECT = re.compile(r"(?i)\b(?:distinguishing|there is) (?:an? |the )?(.{1,200}?) in (?:a|the) photo")
_MARKS = re.compile(
    r"(\*\*|__|\*|`)(?=\S)(.{1,200}?)(?<=\S)\1"
)  # without a limit, a mark that is never closed costs a scan


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """phrases: distinct, in the answer's order. reason: why there is none, else "". notes: on omitted phrases."""

    phrases: tuple[str, ...]
    reason: str = ""
    notes: tuple[str, ...] = ()


def parse_answer(text: str, *, name: str = "", finish_reason: str = "", continued: bool = False) -> ParsedAnswer:
    """Extracts the phrases of one answer. Never raises.

    name: of the class in the question; an answer about another one is unusable. finish_reason: "length" for an answer cut
    off by the token limit, "content_filter" for a withheld one. continued: whether the prompt ended in an open bullet.

    >>> parse_answer("Here they are:\\n- a **red** cap\\n- white spots").phrases
    ('a red cap', 'white spots')
    """
    answer = remove_thoughts(text)
    if len(answer) > ANSWER_CHARACTERS:
        return ParsedAnswer((), f"more than {ANSWER_CHARACTERS:,} characters")
    lines = _split_whole_lines(answer, finish_reason)
    if not lines:
        return ParsedAnswer((), _explain_empty(text, finish_reason))
    lines, other = _select_own_block(lines, name)
    if other:
        return ParsedAnswer((), f"about {other!r} instead")
    items = _find_bulleted_items(lines, continued) or _find_bare_items(lines)
    if not items:
        return ParsedAnswer((), "prose instead of a list")
    phrases, notes = _limit_phrases(list(filter(None, map(clean_phrase, items))))
    return ParsedAnswer(phrases, "" if phrases else "no item of the list is a phrase", notes)


def clean_phrase(item: str) -> str:
    """Removes markup, surrounding quotes and final punctuation from an item.

    >>> clean_phrase('**Bill**: short and  "stout".')
    'Bill: short and "stout"'
    """
    text = " ".join(_MARKS.sub(r"\2", item).split())
    text = text.rstrip(".;, ")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip().rstrip(".;, ")
    return text if any(map(str.isalnum, text)) else ""


def remove_thoughts(text: str) -> str:
    """Removes what a model thought before it answered.

    >>> remove_thoughts("<think>A bird?</think>a cap"), remove_thoughts("<think>A bird?")
    ('a cap', '')
    """
    return _THOUGHTS.sub("", text)


def _split_whole_lines(answer: str, finish_reason: str) -> list[str]:
    """Splits an answer into lines, without code fences and a cut-off last line."""
    lines = [line.rstrip() for line in answer.replace("\r\n", "\n").split("\n")]
    if finish_reason == "length" and lines and lines[-1].strip():
        lines.pop()
    lines = [line for line in lines if not line.lstrip().startswith("```")]
    return lines if any(lines) else []


def _explain_empty(text: str, finish_reason: str) -> str:
    if finish_reason == "content_filter":
        return "withheld by the server's content filter"
    if finish_reason == "length":
        return "cut off by the token limit before the end of the first item"
    return "empty answer" if not text.strip() else "only reasoning, no answer"


def _select_own_block(lines: Sequence[str], name: str) -> tuple[list[str], str]:
    """Returns the lines before the next question, and the subject that they name if it is not `name`."""
    starts = [i for i, line in enumerate(lines) if line.lstrip().startswith("Q:")]
    if starts and not any(line.strip() for line in lines[: starts[0]]):
        # The answer repeats the question first.
        starts = starts[1:]
    block = list(lines[: starts[0]] if starts else lines)
    for line in block:
        subject = _SUBJECT.search(line)
        if name and subject and not _BULLET.match(line.strip()) and not _is_same_name(subject[1], name):
            return block, subject[1]
    return [line for line in block if not line.lstrip().startswith("Q:")], ""


def _is_same_name(one: str, other: str) -> bool:
    def normalise(name: str) -> str:
        return " ".join(name.replace("_", " ").casefold().split()).strip("*\"'")

    return normalise(one) == normalise(other)


def _find_bulleted_items(lines: Sequence[str], continued: bool) -> list[str]:
    """Returns the items of a bulleted list; [] where no line has a bullet."""
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


def _find_bare_items(lines: Sequence[str]) -> list[str]:
    """Returns the items of a list without bullets; [] where the lines are not a list."""
    items = [line.strip() for line in lines if line.strip() and not _PREAMBLE.search(line.strip())]
    is_list = len(items) > 1 and all(len(item.split()) <= _BARE_WORDS and item[-1] not in ".!?" for item in items)
    return items if is_list else []


def _limit_phrases(phrases: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Removes duplicates, phrases that are too long, and those beyond the limit; returns the rest with notes."""
    by_casefold: dict[str, str] = {}
    for phrase in phrases:
        by_casefold.setdefault(phrase.casefold(), phrase)
    unique = list(by_casefold.values())
    short = [phrase for phrase in unique if len(phrase) <= PHRASE_CHARACTERS]
    notes = []
    if len(short) < len(unique):
        notes.append(
            f"left out {pluralise(len(unique) - len(short), 'phrase')} of more than {PHRASE_CHARACTERS} characters"
        )
    if len(short) > PHRASES:
        notes.append(f"left out {pluralise(len(short) - PHRASES, 'phrase')} beyond the first {PHRASES}")
    return tuple(short[:PHRASES]), tuple(notes)
