"""Curation: what is certain is mended or dropped, what is uncertain is told and stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.prompts import Descriptor, DescriptorSet
from bioclip_x.prompts.curation import Names, curate, summarise_findings

TIT = Names(("great tit", "Parus major"), "Parus", ("Parus major", "Parus minor", "Japanese tit", "titmouse"))


def one(phrase: str, kind: str = "descriptor", name: str = "great tit", style: str = "") -> tuple[str, dict[str, str]]:
    """The phrase after curation, "" if it is dropped, and what was done for each kind of finding."""
    descriptors = DescriptorSet({name: (Descriptor(phrase, kind),)}, "d.yaml", style)
    done = curate(descriptors, {"great tit": TIT})
    left = done.descriptors.classes[name]
    return left[0].phrase if left else "", {f.kind: f.done for f in done.findings if f.kind != "empty class"}


@pytest.mark.parametrize(
    ("phrase", "after", "kind"),
    [
        ("- a black cap", "a black cap", "list mark"),
        ("3. a black cap", "a black cap", "list mark"),
        ("(2) a black cap", "a black cap", "list mark"),
        ("• a black cap", "a black cap", "list mark"),
        ("**a black cap**", "a black cap", "punctuation"),
        ("a black cap.", "a black cap", "punctuation"),
        ("<b>a black</b> cap &amp; tie", "a black cap & tie", "HTML"),
        ("a black cap (https://example.org/x?y=1)", "a black cap", "web address"),
        ("a bl\u200back\u202e cap", "a black cap", "invisible characters"),
        ("\x1b[31ma black\x1b[0m cap", "a black cap", "invisible characters"),
        ("Great tit's black cap", "black cap", "class's name"),
        ("the great tit has a black cap", "a black cap", "class's name"),
        ("Parus major: a black cap", "a black cap", "class's name"),
        ("great tits may have black caps", "may have black caps", "class's name"),
    ],
)
def test_mended(phrase: str, after: str, kind: str) -> None:
    assert one(phrase) == (after, {kind: "mended"})


@pytest.mark.parametrize(
    ("phrase", "kind"),
    [
        ("<script>alert(1)</script>", "HTML"),
        ("https://example.org", "web address"),
        ("12-14", "says nothing"),
        ("N/A", "says nothing"),
        ("no information on the colour of its legs", "says nothing"),
        ("As an AI language model, I see no birds", "says nothing"),
        ("word " * 10_000, "too long"),
        ("a great tit", "class's name"),
        ("like a Japanese tit, but with a yellow belly", "sibling's name"),
        ("eats fish", "not visual"),
        ("It migrates to Africa", "not visual"),
        ("a loud, distinctive song", "not visual"),
        ("is endangered", "not visual"),
        ("weighs 20 g", "not visual"),
        ("often found in Europe", "not visual"),
        ("also known as the white-headed tit", "not visual"),
        ("named for John James Audubon", "not visual"),
    ],
)
def test_dropped(phrase: str, kind: str) -> None:
    after, done = one(phrase)
    assert after == ""
    assert done == {kind: "dropped"}


@pytest.mark.parametrize(
    ("phrase", "kind"),
    [
        ("smaller than most titmouse birds", "sibling's name"),
        ("a typical Parus in shape", "genus"),
        ("the black cap of a great tit", "class's name"),
        ("often found in forests", "not visual"),
        ("found in forests of Europe", "not visual"),
        ("14 cm long", "not visual"),
        ("named for its red throat", "not visual"),
        ("forages among green leaves", "not visual"),
        ("a black cap " * 20, "too long"),
    ],
)
def test_told_and_kept(phrase: str, kind: str) -> None:
    after, done = one(phrase)
    assert after == phrase.strip()
    assert done == {kind: "told"}


@pytest.mark.parametrize(
    "phrase",
    [
        "a long bill for catching fish", "often seen in flocks", "grows in clusters", "a nocturnal bird with large eyes",
        "venomous fangs", "no tail", "3-toed feet", "a brown iris", "a friendly expression", "a rare shade of blue", "a<b",
        "a breed of cat", "pale & dark bars", "can be found in a variety of colors", "may be seen soaring",
    ],
)  # fmt: skip
def test_nothing_is_found_in_what_is_seen(phrase: str) -> None:
    assert one(phrase) == (phrase, {})


def test_a_habitat_is_what_a_background_is() -> None:
    assert one("often found in European forests", "background") == ("often found in European forests", {})


def test_a_sentence_keeps_its_name_and_full_stop() -> None:
    sentence = "A great tit is a small bird with a black head."
    assert one(sentence, style="sentence") == (sentence, {})


def test_near_duplicates() -> None:
    entries = tuple(map(Descriptor, ["a black cap", "Black caps", "greyish white cheeks", "grayish white cheeks",
                                     "a stripe above the eye", "a stripe below the eye"]))  # fmt: skip
    done = curate(DescriptorSet({"tit": entries}, ""))
    assert [entry.phrase for entry in done.descriptors.classes["tit"]] == [
        "a black cap", "greyish white cheeks", "grayish white cheeks", "a stripe above the eye", "a stripe below the eye",
    ]  # fmt: skip
    assert [(f.kind, f.phrase, f.done) for f in done.findings] == [
        ("near-duplicate", "Black caps", "dropped"), ("near-duplicate", "grayish white cheeks", "told"),
    ]  # fmt: skip


def test_a_descriptor_and_a_background_are_no_duplicates() -> None:
    entries = (Descriptor("green leaves"), Descriptor("green leaves", "background"))
    assert curate(DescriptorSet({"tit": entries}, "")).descriptors.classes["tit"] == entries


def test_same_lists_are_told_of_siblings_only() -> None:
    same = (Descriptor("a red cap"), Descriptor("white spots"))
    classes = {"a": same, "b": same[::-1], "c": same, "d": (Descriptor("a red cap"),)}
    told = [
        f for f in curate(DescriptorSet(classes, ""), {}, [["a", "b", "d"], ["c"]]).findings if f.kind == "same list"
    ]
    assert [(f.name, f.done, f.message) for f in told] == [
        ("a", "told", "has the same descriptors as b"), ("b", "told", "has the same descriptors as a"),
    ]  # fmt: skip


def test_empty_classes_are_to_be_asked_again() -> None:
    done = curate(DescriptorSet({"a": (), "b": (Descriptor("eats fish"),), "c": (Descriptor("a red cap"),)}, ""))
    assert done.to_ask_again == ("a", "b")
    assert [f.message for f in done.findings if f.kind == "empty class"] == [
        "it has no descriptors; ask again", "no descriptor is left; ask again",
    ]  # fmt: skip


def test_names_of_other_classes_are_told_where_no_tree_is_known() -> None:
    done = curate(DescriptorSet({"gas station": (Descriptor("a parking lot"),), "parking_lot": ()}, ""))
    assert [(f.kind, f.done) for f in done.findings if f.name == "gas station"] == [("other class's name", "told")]


def test_tokens_are_counted_with_the_name() -> None:
    descriptors = DescriptorSet({"tit": (Descriptor("a black cap"),)}, "")
    texts: list[str] = []

    def count(text: str) -> int:
        texts.append(text)
        return 9

    found = curate(descriptors, count_tokens=count, context=8).findings
    assert texts == ["tit, which has a black cap"]
    assert [f.message for f in found] == ["9 tokens with the name; a model reads about 8"]


def test_part_weight_and_style_stay() -> None:
    descriptors = DescriptorSet(
        {"tit": (Descriptor("- bill: short", part="bill", weight=2),)}, "d", "has", {"who": "me"}
    )
    cleaned = curate(descriptors).descriptors
    assert cleaned.classes == {"tit": (Descriptor("bill: short", part="bill", weight=2),)}
    assert (cleaned.style, cleaned.provenance) == ("has", {"who": "me"})


def test_summary_counts_by_kind() -> None:
    done = curate(DescriptorSet({"tit": (Descriptor("- a cap"), Descriptor("- a tail"), Descriptor("eats fish"))}, ""))
    assert summarise_findings(done.findings) == [
        "list mark: 2 mended; first 'tit': '- a cap'", "not visual: 1 dropped; first 'tit': 'eats fish'",
    ]  # fmt: skip


@given(st.lists(st.text(max_size=40), max_size=6))
def test_curating_twice_changes_nothing_more(phrases: list[str]) -> None:
    once = curate(DescriptorSet({"great tit": tuple(map(Descriptor, phrases))}, ""), {"great tit": TIT}).descriptors
    assert curate(once, {"great tit": TIT}).descriptors.classes == once.classes
