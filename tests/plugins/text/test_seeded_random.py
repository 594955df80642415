from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x_plugins.text.seeded_random import draw_derangement, draw_one, make_class_keys, make_generator

kinds = st.dictionaries(st.text(max_size=3), st.integers(0, 3), min_size=1, max_size=12)


def own(kinds: dict[str, int], exchanged: dict[str, str]) -> int:
    """How many get from their own kind."""
    return sum(kinds[key] == kinds[other] for key, other in exchanged.items())


@given(kinds, st.integers())
def test_an_exchange_is_one_to_one_and_as_few_as_possible_get_their_own_kind(kinds: dict[str, int], seed: int) -> None:
    exchanged = draw_derangement(kinds, seed)
    assert sorted(exchanged) == sorted(exchanged.values()) == sorted(kinds)
    largest = max(Counter(kinds.values()).values())
    assert own(kinds, exchanged) == max(0, 2 * largest - len(kinds))  # the others have room for no more
    if len(set(kinds.values())) > 1:
        assert all(key != other for key, other in exchanged.items())


@given(kinds, st.integers(), st.randoms())
def test_an_exchange_does_not_depend_on_the_order(kinds: dict[str, int], seed: int, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(kinds.items())
    random.shuffle(shuffled)
    assert draw_derangement(dict(shuffled), seed) == draw_derangement(kinds, seed)


def test_two_of_three_alike_worked_out_by_hand() -> None:
    """Of a, a' and b one of the first two must get the other's: 2·2 - 3 = 1."""
    exchanged = draw_derangement({"a": 1, "a'": 1, "b": 2}, seed=0)
    assert exchanged in ({"a": "b", "b": "a'", "a'": "a"}, {"a'": "b", "b": "a", "a": "a'"})


def test_seeds_give_different_exchanges() -> None:
    kinds = {str(i): i for i in range(8)}
    assert len({tuple(sorted(draw_derangement(kinds, seed).items())) for seed in range(10)}) == 10


def test_draws_are_the_same_on_every_machine_and_in_every_process() -> None:
    """SHA-256 and Mersenne Twister's random() are both fixed by specification; these are their values."""
    draw = make_generator("random words", 0, "Parus major")
    assert [draw_one("abcdefghij", draw) for _ in range(8)] == list("bdfjicfa")


def test_classes_of_one_name_are_told_apart_by_their_path() -> None:
    builder = TaxonomyBuilder()
    for kingdom, genus in (("Animalia", "Oenanthe"), ("Plantae", "Oenanthe"), ("Animalia", "Parus")):
        builder.add_lineage([("kingdom", kingdom), ("genus", genus)])
    keys = make_class_keys(builder.build())
    assert len(set(keys.values())) == 3 and "Parus" in keys.values()
