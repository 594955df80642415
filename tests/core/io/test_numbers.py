from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.io.numbers import parse_whole_number


@given(st.integers(0, 10**18 - 1))
def test_numbers_are_read(number: int) -> None:
    assert parse_whole_number(str(number)) == parse_whole_number(f"{number:018}") == number


@pytest.mark.parametrize(
    "text", ["", "²", "½", "①", "٢", "-1", "+1", "1.0", "1e3", " 1", "1\n", "0x1", "9" * 19, "9" * 5000]
)
def test_others_are_none(text: str) -> None:
    assert parse_whole_number(text) is None
