"""Answers in JSON, whole, broken, and of somebody else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.limits import ANSWER_CHARACTERS
from bioclip_x.prompts.json_answers import SCHEMA, parse

PHRASES = ("a red cap", "white spots, wart-like")
WHOLE = json.dumps({"class": "fly agaric", "phrases": PHRASES})


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        json.dumps({"class": "Amanita muscaria (Fly Agaric)", "phrases": [*PHRASES, "a red cap", "", "  ", 7, None]}),
        f"```json\n{WHOLE}\n```",
        f"<think>[hm]</think>\n{WHOLE}",
        f"{WHOLE}\nI hope this helps!",
        json.dumps(PHRASES),
        json.dumps({"descriptors": {"cap": [PHRASES[0]], "spots": [PHRASES[1]]}}),
        json.dumps([{"phrases": [PHRASES[0]]}, {"phrases": [PHRASES[1]]}]),
        WHOLE.replace('"]', '", "a stem with a ri'),
        WHOLE.removesuffix("]}"),
        f"- {PHRASES[0]}\n- {PHRASES[1]}",
    ],
)
def test_what_is_taken(text: str) -> None:
    found = parse(text, name="fly agaric", also=("Amanita muscaria",))
    assert (found.phrases, found.reason) == (PHRASES, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"class": "fork", "phrases": ["metal"]}', "about 'fork' instead"),
        ('{"class": "fly agaric", "phrases": []}', "no phrase in the JSON"),
        ('{"class": "fly ag', "no phrase in the JSON"),
        ('{"phrases": ["a red c', "no phrase in the JSON"),
        ("[" * 100_000, "no phrase in the JSON"),
        ("[1, 2]", "prose instead of a list"),
        ("[key] [key]", "prose instead of a list"),
        ("It is a handsome mushroom.", "prose instead of a list"),
        ("", "empty answer"),
        ("x" * (ANSWER_CHARACTERS + 1), "more than 100,000 characters"),
    ],
)
def test_what_is_of_no_use(text: str, reason: str) -> None:
    found = parse(text, name="fly agaric")
    assert (found.phrases, found.reason) == ((), reason)


def test_half_a_character_is_none() -> None:
    [phrase] = parse('["a \\ud800 cap"]').phrases
    assert phrase.encode() == b"a ? cap"


@given(st.text())
def test_no_answer_raises(text: str) -> None:
    for start in ("", "{", "[", '{"phrases": ["', "```"):
        found = parse(start + text, name="x")
        assert bool(found.phrases) != bool(found.reason)


def test_the_schema_is_one_that_strict_servers_take() -> None:
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"]) and SCHEMA["additionalProperties"] is False
