from __future__ import annotations

import pytest

from bioclip_x.records import Prediction, PromptContribution, Taxon
from bioclip_x_plugins.reports.result_text import describe_contribution, format_common_name_beside


@pytest.mark.parametrize(
    ("phrase", "kind", "expected"),
    [
        ("a red cap", "descriptor", "a red cap"),
        ("in a wood", "background", "in a wood (background)"),
        ("a red cap", "swapped descriptor", "a red cap (swapped descriptor)"),
        ("", "taxonomic", "a photo of Fungi."),
    ],
)
def test_only_a_descriptor_of_the_class_stands_without_its_kind(phrase: str, kind: str, expected: str) -> None:
    share = PromptContribution(phrase, "a photo of Fungi.", kind, "", class_index=0, similarity=0.1, contribution=0.2)
    assert describe_contribution(share) == expected


def test_the_rank_of_a_taxon_above_species_stands_beside_its_name() -> None:
    def said_beside(rank: str, name: str, lineage: tuple[tuple[str, str], ...], note: str = "") -> str:
        taxon = Taxon(rank, name, lineage, {"en": ("tits",)})
        return format_common_name_beside(Prediction(taxon, 0.9, (), note), "en")

    family = (("family", "Paridae"),)
    assert said_beside("family", "Paridae", family) == "family, tits"
    assert said_beside("species", "Parus major", (*family, ("species", "Parus major"))) == "tits"
    assert said_beside("family", "Paridae", family, "species not given") == "tits, species not given"
    assert said_beside("genus", "no genus in Paridae", family) == "tits"
    assert said_beside("", "red fox", (("", "red fox"),)) == "tits"
