from __future__ import annotations

import pytest

from bioclip_x.taxonomy.names.nomenclature import guess_nomenclatural_code


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["animalia", "muscicapidae", "oenanthe"], "zoological"),
        (["fungi", "amanita"], "botanical"),
        (["bacteria"], "prokaryotic"),
        (["oenanthe"], ""),
        (["animalia", "plantae"], ""),
        ([], ""),
    ],
)
def test_a_code_is_guessed_from_large_groups_only(names: list[str], code: str) -> None:
    assert guess_nomenclatural_code(frozenset(names)) == code
