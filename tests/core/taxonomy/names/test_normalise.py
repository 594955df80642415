from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy.names.normalise import NameIndex, fold_common_name, make_gender_variants, normalise_name


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("  Black_footed  ALBATROSS ", "black footed albatross"),
        ("Quercus ×hispanica", "quercus x hispanica"),
        ("†Raphus cucullatus", "raphus cucullatus"),
        ("Ｐａｒｕｓ", "parus"),
        ("STRAẞE", "strasse"),
        ("", ""),
    ],
)
def test_names_are_normalised_for_comparison(name: str, normalised: str) -> None:
    assert normalise_name(name) == normalised


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(name: str) -> None:
    once = fold_common_name(name)
    assert fold_common_name(once) == once


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalise_name(name)
    assert normalise_name(once) == once


@pytest.mark.parametrize(
    ("epithet", "variants"),
    [
        ("caerulea", {"caerulea", "caeruleus", "caeruleum"}),
        ("viridis", {"viridis", "viride"}),
        ("niger", {"niger", "nigra", "nigrum"}),
        ("smithii", {"smithii"}),
    ],
)
def test_an_epithet_in_the_other_genders(epithet: str, variants: set[str]) -> None:
    found = make_gender_variants(epithet)
    assert found[0] == epithet and set(found) >= variants


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3))))
def test_the_index_agrees_with_a_dictionary_of_lists(pairs: list[tuple[str, int]]) -> None:
    expected: dict[str, list[int]] = {}
    for key, node in pairs:
        if node not in expected.setdefault(key, []):
            expected[key].append(node)
    index = NameIndex(pairs)
    assert {key: list(index.get(key)) for key in index} == expected and len(index) == len(expected)
    assert list(index.get("unknown")) == []
