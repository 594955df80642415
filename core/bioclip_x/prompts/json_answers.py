"""Extracts phrases from a language model's JSON answer, even if it deviates from the schema or is cut off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from bioclip_x.limits import ANSWER_CHARACTERS
from bioclip_x.prompts.list_answers import ParsedAnswer, clean_phrase, parse_answer, remove_thoughts

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "class": {"type": "string", "description": "the name that was asked about"},
        "phrases": {"type": "array", "items": {"type": "string"}, "description": "the answer, one short phrase each"},
    },
    "required": ["class", "phrases"],
    "additionalProperties": False,
}
"""JSON schema of an answer. The class shows whether the answer is about the right one."""


_FENCE = re.compile(r"```[a-zA-Z]*")
_JSON = re.compile(r'[{\[]\s*(?:["{}\[\]]|\Z)')
_STRING = re.compile(r'"((?:[^"\\]|\\.){0,1000})"(?!\s{0,100}:)')


def parse(
    text: str, *, name: str = "", also: Sequence[str] = (), finish_reason: str = "", continued: bool = False
) -> ParsedAnswer:
    """Extracts the phrases of an answer, JSON or not. Never raises.

    name, finish_reason, continued: see `list_answers.parse_answer`. also: other names of the class that the answer may use.

    >>> parse('{"class": "fly agaric", "phrases": ["a red cap", "white spots"]}', name="fly agaric").phrases
    ('a red cap', 'white spots')
    """
    answer = _remove_fence(remove_thoughts(text).strip())
    if len(answer) > ANSWER_CHARACTERS:
        return ParsedAnswer((), f"more than {ANSWER_CHARACTERS:,} characters")
    if not _JSON.match(answer):
        return parse_answer(text, name=name, finish_reason=finish_reason, continued=continued)
    try:
        document, _ = json.JSONDecoder().raw_decode(answer)
    except (ValueError, RecursionError):
        document = {"phrases": _find_whole_strings(answer)}
    subject = document.get("class") if isinstance(document, dict) else None
    if isinstance(subject, str) and name and not any(_may_mean(subject, known) for known in (name, *also)):
        return ParsedAnswer((), f"about {subject[:80]!r} instead")
    phrases = filter(None, map(clean_phrase, _iterate_strings(document)))
    parsed = parse_answer("\n".join(f"- {phrase}" for phrase in phrases))
    return parsed if parsed.phrases else ParsedAnswer((), "no phrase in the JSON")


def _remove_fence(text: str) -> str:
    """Removes Markdown's fence around a text without blanks at its ends."""
    if opening := _FENCE.match(text):
        text = text[opening.end() :]
    return text.removesuffix("```").strip()


def _iterate_strings(value: Any) -> Iterator[str]:
    """Yields the strings in lists, at any depth, but not those that are values of a mapping. Not recursive."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [child for child in item.values() if isinstance(child, (list, dict))][::-1]
        elif isinstance(item, list):
            stack += [child for child in item if isinstance(child, (str, list, dict))][::-1]
        elif isinstance(item, str):
            yield " ".join(item.encode("utf-8", "replace").decode().split())  # without lone surrogates


def _find_whole_strings(text: str) -> list[str]:
    """Finds the complete strings in broken JSON, from the first list on, without keys."""
    found = islice(_STRING.finditer(text, text.index("[")), 1000) if "[" in text else ()
    strings = []
    for match in found:
        try:
            strings.append(json.loads(match[0], strict=False))
        except ValueError:
            continue
    return strings


def _may_mean(subject: str, name: str) -> bool:
    """Whether one of the names contains the other, as "Parus major (great tit)" contains "great tit"."""
    one, other = (" ".join(text.replace("_", " ").casefold().split()) for text in (subject, name))
    return bool(one and other) and (one in other or other in one)
