from __future__ import annotations

import pytest

from bioclip_x.records import Taxon
from bioclip_x.taxonomy.names.lineage_text import format_taxonomic_name


@pytest.mark.parametrize(
    ("lineage", "expected"),
    [
        ([("kingdom", "Animalia"), ("genus", "Parus"), ("species", "Parus major")], "Animalia Parus major"),
        ([("kingdom", "Animalia"), ("subfamily", "Parinae"), ("genus", "Parus")], "Animalia Parus"),
        ([("genus", "Parus"), ("species", "Parus major"), ("subspecies", "Parus major minor")], "Parus major minor"),
        ([("species", "Cyanistes caeruleus")], "Cyanistes caeruleus"),
    ],
)
def test_linnaean_names_and_the_taxon_itself_each_word_once(lineage: list[tuple[str, str]], expected: str) -> None:
    assert format_taxonomic_name(Taxon(*lineage[-1], tuple(lineage))) == expected


def test_a_label_without_lineage_is_its_own_text() -> None:
    assert format_taxonomic_name(Taxon("", "red fox", ())) == "red fox"
