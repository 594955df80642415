"""Words that mean that there is no value."""

from __future__ import annotations

import pytest

from bioclip_x.taxonomy.placeholders import is_placeholder


@pytest.mark.parametrize(
    "text",
    ["NA", "na", "NaN", "N/A", "#N/A", "<NA>", "None", "null", "NULL", "unknown", "Unassigned", "unidentified",
     "incertae sedis", "Incertae_sedis", "INCERTAE SEDIS", "Not assigned", "-", "--", "—", "?", "??", "...", "indet.",
     "\\N", " NA "],
)  # fmt: skip
def test_a_cell_without_a_value(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    ["", "Nana", "Unknownia", "Parus", "Drosophila sp. 3", "Passeriformes incertae sedis", "unknown bird", "0", "A-B",
     "Narina", "blank", "human"],
)  # fmt: skip
def test_a_cell_with_a_value(text: str) -> None:
    assert not is_placeholder(text)
