from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.messages import escape_controls, list_some, pluralise


def test_long_lists_are_cut() -> None:
    assert list_some([]) == "" and list_some(list("abcde")) == "a, b, c, d, e"
    assert list_some(list("abcdefg")) == "a, b, c, d, e, … (2 more)"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    escaped = escape_controls(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") or c in "\u2028\u2029\u202e\u2066\u2069" for c in escaped)
    assert escape_controls(escaped) == escaped


def test_some_controls_may_be_kept() -> None:
    assert escape_controls("a\tb\nc\x1b", keep="\t\n") == "a\tb\nc\\x1b"


def test_numbers_with_their_noun() -> None:
    assert [pluralise(n, "class", "classes") for n in (0, 1, 1200)] == ["0 classes", "1 class", "1,200 classes"]
    assert pluralise(2, "image") == "2 images"
