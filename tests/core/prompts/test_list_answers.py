"""Answers of language models, well formed and not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.limits import PHRASE_CHARACTERS, PHRASES
from bioclip_x.prompts.list_answers import clean_phrase, parse_answer

THREE = ("a red cap", "white spots", "a ring on the stem")


@pytest.mark.parametrize(
    "text",
    [
        "- a red cap\n- white spots\n- a ring on the stem",
        "* a red cap\n* white spots\n* a ring on the stem",
        "• a red cap\n• white spots\n• a ring on the stem",
        "1. a red cap\n2. white spots\n3. a ring on the stem",
        "1) a red cap\n2) white spots\n10) a ring on the stem",
        "(1) a red cap\n(2) white spots\n(3) a ring on the stem",
        "-a red cap\n–white spots\n— a ring on the stem",
        "- **a red cap**\n- *white spots*\n- `a ring on the stem`",
        "- a red cap.\n\n\n- white spots;\n- a ring on the stem,",
        "  - a red cap\r\n  - white spots\r\n  - a ring on the stem\r\n",
        '- "a red cap"\n- "white spots"\n- "a ring on the stem"',
        "- a red cap\n- white spots\n- White spots\n- a ring on the stem",
        "Sure! Here are some features:\n- a red cap\n- white spots\n- a ring on the stem\n\nLet me know if I can help.",
        "A: There are several useful visual features:\n- a red cap\n- white spots\n- a ring on the stem",
        "```\n- a red cap\n- white spots\n- a ring on the stem\n```",
        "<think>\n- perhaps it is blue?\n</think>\n- a red cap\n- white spots\n- a ring on the stem",
        "- a red cap\n- white\n  spots\n- a ring on\n    the stem",
        "- Cap:\n  - a red cap\n  - white spots\n- **Stem:**\n  - a ring on the stem",
        "Here is the list:\na red cap\nwhite spots\na ring on the stem",
        "- a red cap\n- white spots\n- a ring on the stem\n\nQ: What distinguishes a fork in a photo?\nA:\n- metal",
    ],
)
def test_one_list_in_many_forms(text: str) -> None:
    assert parse_answer(text, name="fly agaric").phrases == THREE


def test_an_open_bullet_is_continued() -> None:
    text = " a red cap\n- white spots\n- a ring on the stem"
    assert parse_answer(text, continued=True).phrases == THREE
    assert parse_answer(text, continued=False).phrases == THREE[1:]
    assert parse_answer("Sure, here they are\n- white spots", continued=True).phrases == ("white spots",)


def test_a_number_that_begins_a_phrase_is_no_bullet() -> None:
    assert parse_answer("- 1.5 cm long\n- 2 wings").phrases == ("1.5 cm long", "2 wings")
    assert parse_answer("1.5 cm long\n2 wings").phrases == ("1.5 cm long", "2 wings")


def test_a_list_cut_by_the_token_limit_loses_its_last_line() -> None:
    text = "- a red cap\n- white spots\n- a ring on the st"
    assert parse_answer(text, finish_reason="length").phrases == THREE[:2]
    assert parse_answer(text + "em\n", finish_reason="length").phrases == THREE
    cut = parse_answer("- a red", finish_reason="length")
    assert (cut.phrases, cut.reason) == ((), "cut off by the token limit before the end of the first item")


@pytest.mark.parametrize(
    ("text", "finish_reason", "reason"),
    [
        ("", "stop", "empty answer"),
        (" \n\n ", "stop", "empty answer"),
        ("", "content_filter", "withheld by the server's content filter"),
        ("<think>Hm, what is", "stop", "only reasoning, no answer"),
        ("I'm sorry, but I cannot help with that.", "stop", "prose instead of a list"),
        ("It is a bird.\nIt has wings.", "stop", "prose instead of a list"),
        ("The fly agaric has a red cap with white spots, and it grows in woods.", "stop", "prose instead of a list"),
        ("red", "stop", "prose instead of a list"),
        ("- \n- --\n- **", "stop", "no item of the list is a phrase"),
    ],
)
def test_unusable_answers_say_why(text: str, finish_reason: str, reason: str) -> None:
    parsed = parse_answer(text, finish_reason=finish_reason)
    assert (parsed.phrases, parsed.reason) == ((), reason)


def test_an_answer_about_another_class_is_unusable() -> None:
    of_television = "A: There are several useful visual features to tell there is a television in a photo:\n- a screen"
    assert parse_answer(of_television, name="great tit").reason == "about 'television' instead"
    assert parse_answer(of_television, name="Television").phrases == ("a screen",)
    question = "Q: What are useful features for distinguishing a great tit in a photo?\nA: There are:\n- a black head"
    assert parse_answer(question, name="great_tit").phrases == ("a black head",)
    assert parse_answer(question, name="fork").reason == "about 'great tit' instead"


def test_too_long_and_too_many_are_counted() -> None:
    lines = [f"- trait {i}" for i in range(PHRASES + 3)] + [f"- {'x' * (PHRASE_CHARACTERS + 1)}"]
    parsed = parse_answer("\n".join(lines))
    assert len(parsed.phrases) == PHRASES
    assert parsed.notes == (
        "left out 1 phrase of more than 200 characters", "left out 3 phrases beyond the first 30",
    )  # fmt: skip


def test_markup_inside_a_phrase() -> None:
    assert clean_phrase("**Bill**: *short* and stout") == "Bill: short and stout"
    assert clean_phrase("5 * 3 spots") == "5 * 3 spots"
    assert clean_phrase("<b>red</b>") == "<b>red</b>"


@settings(max_examples=200, deadline=None)
@given(st.text(), st.sampled_from(["stop", "length", ""]), st.booleans())
def test_never_raises_and_always_gives_phrases_or_a_reason(text: str, finish_reason: str, continued: bool) -> None:
    parsed = parse_answer(text, name="x", finish_reason=finish_reason, continued=continued)
    assert bool(parsed.phrases) != bool(parsed.reason)
    assert all(phrase == " ".join(phrase.split()) and len(phrase) <= PHRASE_CHARACTERS for phrase in parsed.phrases)


@pytest.mark.parametrize("piece", ["__a ", "**a ", "`a ", "there is ", "<think>", "```\n", "- a\n"])
def test_answers_that_repeat_themselves_take_little_time(piece: str) -> None:
    started = time.process_time()
    parse_answer("- a cap\n- " + piece * (90_000 // len(piece)))
    assert time.process_time() - started < 5


def test_what_a_model_thought_does_not_count() -> None:
    thought = f"<think>{'x' * 1_000_000}</think>"
    assert parse_answer(f"{thought}- a cap\n- a bill").phrases == ("a cap", "a bill")
    assert parse_answer("x" * 100_001).reason == "more than 100,000 characters"
