from __future__ import annotations

import random

from bioclip_x.evaluation.word_order.texts import draw_partners, find_name, lend_descriptors, shuffle_ranks
from bioclip_x.records import Prompt, Taxon

TIT = Taxon(
    "species",
    "Parus major",
    (("class", "Aves"), ("family", "Paridae"), ("genus", "Parus"), ("species", "Parus major")),
    {"en": ("great tit",)},
)
OWL = Taxon("species", "Bubo bubo", (("genus", "Bubo"), ("species", "Bubo bubo")))


def test_shuffled_captions_have_the_same_words_in_another_order() -> None:
    for seed in range(20):
        pair = shuffle_ranks(TIT, random.Random(seed))
        assert pair is not None
        right, altered = pair
        assert right == "a photo of Aves Paridae Parus major." and altered != right
        assert sorted(altered.removesuffix(".").split()) == sorted(right.removesuffix(".").split())
        assert altered.startswith("a photo of ")
    assert len({shuffle_ranks(TIT, random.Random(seed)) for seed in range(40)}) > 5


def test_a_label_has_no_ranks_to_shuffle() -> None:
    assert shuffle_ranks(Taxon("", "fox", (("", "fox"),)), random.Random(0)) is None


def test_partners_differ_in_their_descriptors_one_to_one_where_they_can() -> None:
    traits = {c: frozenset({"x" if c < 2 else f"{c}"}) for c in range(7)}
    for seed in range(20):
        partners = draw_partners(list(traits), traits, random.Random(seed))
        assert set(partners) == set(traits) and all(traits[c] != traits[other] for c, other in partners.items())
    assert draw_partners([0, 1], {0: frozenset("a"), 1: frozenset("a")}, random.Random(0)) == {}


def test_lent_descriptors_come_with_the_borrowers_name() -> None:
    tit = [
        Prompt(f"great tit, which has {what}", 0, "descriptor", what) for what in ("a black cap", "a great tit's song")
    ]
    owl = [Prompt("Bubo bubo, which has ear tufts", 1, "descriptor", "ear tufts", weight=2.0)]
    [lent] = lend_descriptors(owl, OWL, TIT, tit, "en")
    assert (lent.text, lent.phrase, lent.weight) == ("great tit, which has ear tufts", "ear tufts", 2.0)
    back = lend_descriptors(tit, TIT, OWL, owl, "en")
    assert [one.text for one in back] == ["Bubo bubo, which has a black cap", "Bubo bubo, which has a great tit's song"]
    bare = [Prompt("ear tufts", 1, "descriptor", "ear tufts")]
    assert find_name(OWL, bare, "en") == "" and lend_descriptors(bare, OWL, TIT, tit, "en") == tuple(bare)
