"""Answers of models as captions, and those that are none."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.output.caption_text import UnusableCaption, clean_caption, shorten


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ("A bird.", "A bird."),
        ("  A bird\r\n on a\tbranch. ", "A bird on a branch."),
        ("<think>It is\na tit.</think>\nA small bird.", "A small bird."),
        ("Here is a short caption of the image: A small bird.", "A small bird."),
        ("Sure! Here's a caption: “A small bird.”", "A small bird."),
        ('"A bird" beside "a nest"', '"A bird" beside "a nest"'),
        ("a\x1b[2J\x07 bird\u202e\u200b", "a [2J bird"),
        ("**A bird** with __red__ legs", "A bird with red legs"),
        ("I can see a bird", "I can see a bird"),
        ("No image noise; sorrel leaves", "No image noise; sorrel leaves"),
        ("\ud800a bird", "a bird"),
        ("Vögel 鳥", "Vögel 鳥"),
    ],
)
def test_captions(answer: str, caption: str) -> None:
    assert clean_caption(answer) == caption


@pytest.mark.parametrize(
    "answer",
    [
        "", " \n", "...", "\u200b", "12 34", "<think>It is a tit", "I'm sorry, I can't help with that.", "I’m sorry, no",
        "Sorry, no.", "I cannot identify the bird", "I can't assist with this request.", "Unfortunately, the image is dark",
        "I am unable to view images.", "As an AI, I have no eyes.", "No image was provided.", "Please provide an image.",
        '"I apologize, but this is not possible."', "I do not see an image. ", "i'm not able to see",
    ],
)  # fmt: skip
def test_answers_that_are_no_captions(answer: str) -> None:
    with pytest.raises(UnusableCaption) as problem:
        clean_caption(answer)
    assert "\n" not in str(problem.value) and str(problem.value)


@given(st.text(max_size=300), st.integers(10, 60))
def test_any_answer_is_one_line_of_bounded_length_or_none(answer: str, longest: int) -> None:
    try:
        caption = clean_caption(answer, longest)
    except UnusableCaption:
        return
    assert 0 < len(caption) <= longest
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in caption)
    assert caption == " ".join(caption.split())


def test_a_long_answer_is_cut_at_a_sentence_or_a_word() -> None:
    sentences = "A red cap with white spots. " * 30
    assert clean_caption(sentences, 60) == "A red cap with white spots. A red cap with white spots."
    assert clean_caption("word " * 200, 42) == "word word word word word word word word"
    assert shorten("x" * 50, 10) == "x" * 10
    assert len(clean_caption("a b " * 10_000_000)) <= 400
