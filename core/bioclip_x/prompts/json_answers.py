"""A language model's answer in JSON → phrases: by the schema that was asked for, or near enough, or the half that came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bioclip_x.prompts.list_answers import Parsed, clean_phrase, parse_answer

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "class": {"type": "string", "description": "the name that was asked about"},
        "phrases": {"type": "array", "items": {"type": "string"}, "description": "the answer, one short phrase each"},
    },
    "required": ["class", "phrases"],
    "additionalProperties": False,
}
"""Of an answer. The class is there to see whether it is of the one that was asked about."""

LARGEST: Final = 1 << 20
"""Characters of an answer that is looked at. No list of phrases is as long."""

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^\s*```[a-zA-Z]*\s*\n?|\n?\s*```\s*$")
_JSON = re.compile(r'[{\[]\s*(?:["{}\[\]]|\Z)')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?!\s*:)')


def parse(
    text: str, *, name: str = "", also: Sequence[str] = (), finish_reason: str = "", continued: bool = False
) -> Parsed:
    """The phrases of an answer, JSON or not. Never raises.

    name, finish_reason, continued: see `answers.parse_answer`. also: other names that the answer may call the class by.

    >>> parse('{"class": "fly agaric", "phrases": ["a red cap", "white spots"]}', name="fly agaric").phrases
    ('a red cap', 'white spots')
    """
    if len(text) > LARGEST:
        return Parsed((), f"more than {LARGEST:,} characters")
    said = _FENCE.sub("", _THOUGHTS.sub("", text).strip()).strip()
    if not _JSON.match(said):
        return parse_answer(text, name=name, finish_reason=finish_reason, continued=continued)
    try:
        document, _ = json.JSONDecoder().raw_decode(said)
    except (ValueError, RecursionError):
        document = {"phrases": _whole_strings(said)}
    about = document.get("class") if isinstance(document, dict) else None
    if isinstance(about, str) and name and not any(_meant(about, one) for one in (name, *also)):
        return Parsed((), f"it speaks of {about[:80]!r}")
    phrases = filter(None, map(clean_phrase, _phrases(document)))
    listed = parse_answer("\n".join(f"- {phrase}" for phrase in phrases))
    return listed if listed.phrases else Parsed((), "no phrase in its JSON")


def _phrases(value: Any) -> Iterator[str]:
    """Every string in a list, at any depth; of a mapping, those of its lists. Deep nesting is no list of phrases."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [part for part in one.values() if isinstance(part, (list, dict))][::-1]
        elif isinstance(one, list):
            left += [part for part in one if isinstance(part, (str, list, dict))][::-1]
        elif isinstance(one, str):
            yield " ".join(one.encode("utf-8", "replace").decode().split())  # no half characters


def _whole_strings(text: str) -> list[str]:
    """The strings of a broken list that are whole, keys and what stands before the list left out."""
    found = (_STRING.findall(text[text.index("[") :]) if "[" in text else [])[:1000]
    strings = []
    for one in found:
        try:
            strings.append(json.loads(one, strict=False))
        except ValueError:
            continue
    return strings


def _meant(about: str, name: str) -> bool:
    """Whether an answer about `about` may be one about `name`: one of them within the other, as in "Parus major (great tit)"."""
    one, other = (" ".join(text.replace("_", " ").casefold().split()) for text in (about, name))
    return bool(one and other) and (one in other or other in one)
