from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.duplicates import bands
from bioclip_x.dataset.duplicates.bands import choose_masks, find_pairs_across, find_pairs_within
from duplicates_references import count_different_bits, make_similar_hashes


@pytest.fixture(params=["chosen", "all bands"])
def masks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few hashes are compared without bands; here bands are made for them too."""
    if request.param == "all bands":
        monkeypatch.setattr(bands, "SORTING", 0.001)


@pytest.mark.usefixtures("masks")
@pytest.mark.parametrize("distance", [0, 1, 4, 5, 8])
def test_pairs_within_are_all_pairs(distance: int) -> None:
    hashes = make_similar_hashes(300, 20, 4)
    expected = {
        (i, j) for j in range(300) for i in range(j) if count_different_bits(hashes[i], hashes[j]) <= distance
    }  # fmt: skip
    found = {
        pair for first, second in find_pairs_within(hashes, distance) for pair in zip(first.tolist(), second.tolist())
    }  # fmt: skip
    assert expected
    assert found == expected


@pytest.mark.usefixtures("masks")
@pytest.mark.parametrize("distance", [0, 3, 8])
def test_pairs_across_are_all_pairs(distance: int) -> None:
    hashes = make_similar_hashes(400, 20, 4)
    left, right = hashes[:150], hashes[150:]
    expected = {
        (i, j) for i in range(150) for j in range(250) if count_different_bits(left[i], right[j]) <= distance
    }  # fmt: skip
    found = {pair for parts in find_pairs_across(left, right, distance) for pair in zip(*(p.tolist() for p in parts))}
    assert expected
    assert found == expected


@given(st.integers(0, 8), st.sampled_from([10, 10**4, 10**6, 10**7]), st.sets(st.integers(0, 63), max_size=8))
def test_hashes_within_the_distance_agree_on_a_mask(distance: int, n: int, flipped: set[int]) -> None:
    masks = choose_masks(n, n * n / 2, distance)
    difference = sum(1 << bit for bit in sorted(flipped)[:distance])
    assert any(not difference & mask for mask in masks)


def test_ten_million_hashes_are_cut_into_bands_of_few_others() -> None:
    masks = choose_masks(10**7, 5e13, 4)
    assert len(masks) == comb(6, 4)
    assert 5e13 / 2 ** min(mask.bit_count() for mask in masks) < 10 * 10**7


def test_no_hashes_have_no_pairs() -> None:
    nothing = np.zeros(0, np.uint64)
    assert not list(find_pairs_within(nothing, 4))
    assert not list(find_pairs_across(nothing, make_similar_hashes(3, 1, 1), 4))
