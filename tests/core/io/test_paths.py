"""Paths that no file can have, and unknown users' homes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import ModelError
from bioclip_x.io.paths import check_path, expand_home


@pytest.mark.parametrize(
    ("name", "message"), [("a\0", "NUL"), ("é" * 128, "256 bytes"), ("\ud800", "half a character")]
)
def test_what_is_no_path(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_path(Path("folder") / name)


def test_homes() -> None:
    assert expand_home(Path("~/a"), ModelError) == Path.home() / "a"
    with pytest.raises(ModelError, match="unknown user in '~nobody-at-all/a'"):
        expand_home(Path("~nobody-at-all/a"), ModelError)
