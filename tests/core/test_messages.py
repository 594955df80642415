from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.messages import escape_between_colours, escape_controls, escape_shown, list_some, pluralise


def test_long_lists_are_cut() -> None:
    assert list_some([]) == "" and list_some(list("abcde")) == "a, b, c, d, e"
    assert list_some(list("abcdefg")) == "a, b, c, d, e, … (2 more)"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    escaped = escape_controls(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") or c in "\u2028\u2029\u202e\u2066\u2069" for c in escaped)
    assert escape_controls(escaped) == escaped


@given(st.text())
def test_no_character_without_a_width_is_left_but_those_words_need(text: str) -> None:
    unseen = [c for c in escape_controls(text) if unicodedata.category(c) == "Cf"]
    # Joiners within words of other scripts, and marks of numbers and verses that Arabic, Syriac and others show.
    assert not set(unseen) & set("\xad\u061c\u180e\u200b\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\U000e0041")


def test_joiners_stay_within_words_that_need_them() -> None:
    words = ("نمی\u200cخواهم", "क्\u200dष", "👩\u200d🌾")
    assert tuple(map(escape_controls, words)) == words
    assert escape_controls("Parus\u200d major \u200c\u200d") == "Parus\\u200d major \\u200c\\u200d"


@given(st.text(), st.sampled_from(["", "\x1b[1m", "\x1b[38;5;1m"]), st.text())
def test_colours_alone_are_kept(before: str, colour: str, after: str) -> None:
    shown = escape_between_colours(before + colour + after)
    assert colour in shown
    rest = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert escape_controls(rest, keep="\t\n") == rest


def test_values_of_pages_are_escaped_if_they_are_texts() -> None:
    class Markup(str):
        pass

    markup = Markup("<b>\u202e</b>")
    assert escape_shown(markup) is markup and escape_shown(3) == 3
    assert escape_shown("a\n\tb\u202e") == "a\n\tb\\u202e"


def test_some_controls_may_be_kept() -> None:
    assert escape_controls("a\tb\nc\x1b", keep="\t\n") == "a\tb\nc\\x1b"


def test_numbers_with_their_noun() -> None:
    assert [pluralise(n, "class", "classes") for n in (0, 1, 1200)] == ["0 classes", "1 class", "1,200 classes"]
    assert pluralise(2, "image") == "2 images"
