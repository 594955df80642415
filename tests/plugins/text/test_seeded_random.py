from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x_plugins.text.seeded_random import draw_derangement, draw_one, make_class_keys, make_generator

kinds = st.dictionaries(st.text(max_size=3), st.integers(0, 3), min_size=1, max_size=12)


def own(kinds: dict[str, int], exchanged: dict[str, str]) -> int:
    """How many are assigned to their own kind."""
    return sum(kinds[key] == kinds[other] for key, other in exchanged.items())


@given(kinds, st.integers())
def test_a_derangement_is_one_to_one_with_the_fewest_pairs_of_one_kind(kinds: dict[str, int], seed: int) -> None:
    exchanged = draw_derangement(kinds, seed)
    assert sorted(exchanged) == sorted(exchanged.values()) == sorted(kinds)
    largest = max(Counter(kinds.values()).values())
    assert own(kinds, exchanged) == max(0, 2 * largest - len(kinds))  # the others have room for no more
    if len(set(kinds.values())) > 1:
        assert all(key != other for key, other in exchanged.items())


@given(kinds, st.integers(), st.randoms())
def test_a_derangement_does_not_depend_on_the_order(kinds: dict[str, int], seed: int, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(kinds.items())
    random.shuffle(shuffled)
    assert draw_derangement(dict(shuffled), seed) == draw_derangement(kinds, seed)


def test_two_of_three_of_one_kind_by_hand() -> None:
    """Of a, a' and b one of the first two must get the other's: 2·2 - 3 = 1."""
    exchanged = draw_derangement({"a": 1, "a'": 1, "b": 2}, seed=0)
    assert exchanged in ({"a": "b", "b": "a'", "a'": "a"}, {"a'": "b", "b": "a", "a": "a'"})


def test_seeds_give_different_derangements() -> None:
    kinds = {str(i): i for i in range(8)}
    assert len({tuple(sorted(draw_derangement(kinds, seed).items())) for seed in range(10)}) == 10


def test_draws_are_reproducible_across_machines_and_processes() -> None:
    """SHA-256 and Mersenne Twister's random() are both fixed by specification; these are their values."""
    draw = make_generator("random words", 0, "Parus major")
    assert [draw_one("abcdefghij", draw) for _ in range(8)] == list("bdfjicfa")


def test_classes_of_one_name_are_distinguished_by_their_lineage() -> None:
    builder = TaxonomyBuilder()
    for kingdom, genus in (("Animalia", "Oenanthe"), ("Plantae", "Oenanthe"), ("Animalia", "Parus")):
        builder.add_lineage([("kingdom", kingdom), ("genus", genus)])
    keys = make_class_keys(builder.build())
    assert len(set(keys.values())) == 3 and "Parus" in keys.values()
