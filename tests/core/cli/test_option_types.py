"""Types of options: numbers and paths that none can mean are refused."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from bioclip_x.cli.option_types import PathName, RealNumbers, WholeNumbers
from bioclip_x.limits import COUNT, NUMBER


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "²", "", "1e31", "9" * 400])
def test_real_numbers_are_finite(value: str) -> None:
    with pytest.raises(click.BadParameter):
        RealNumbers().convert(value, None, None)


def test_real_numbers_keep_their_bounds() -> None:
    assert RealNumbers(0, 1).convert("0.25", None, None) == 0.25
    assert RealNumbers().convert(str(NUMBER), None, None) == NUMBER
    with pytest.raises(click.BadParameter, match="range"):
        RealNumbers(0, 1).convert("2", None, None)


@pytest.mark.parametrize("value", ["-1", str(COUNT + 1), "9" * 5000, "²", "1.5", ""])
def test_whole_numbers_count(value: str) -> None:
    with pytest.raises(click.BadParameter):
        WholeNumbers().convert(value, None, None)
    assert WholeNumbers().convert(str(COUNT), None, None) == COUNT


@pytest.mark.parametrize("value", ["", " ", "a\0b", "x" * 256, "a/" * 2100, "\ud800"])
def test_paths_that_no_file_has(value: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a path"):
        PathName().convert(value, None, None)


@pytest.mark.parametrize("value", ["a.csv", ".", "x" * 255, "a\udc80.csv"])
def test_paths(value: str) -> None:
    assert PathName().convert(value, None, None) == Path(value)
