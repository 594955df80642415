from __future__ import annotations

import pytest

from bioclip_x.classes.score_labels import Label, find_nodes, parse_label
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.names.resolver import Resolver

UUID = "f1856211-cfb7-4a5b-9158-c0f72fd09ee6"


def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    builder.add_lineage(
        [("family", "Canidae"), ("genus", "Vulpes"), ("species", "Vulpes vulpes")], Details({"en": ("red fox",)})
    )
    return builder.build()


@pytest.mark.parametrize(
    ("text", "description", "label"),
    [
        (f"{UUID};;;;;;blank", "", Label("blank", ("blank",))),
        (f"{UUID};mammalia;carnivora;canidae;vulpes;vulpes;red fox", "",
         Label("red fox", ("vulpes vulpes", "red fox"), "species", ("mammalia", "carnivora", "canidae", "vulpes"))),
        (f"{UUID};mammalia;carnivora;canidae;;;canidae family", "",
         Label("canidae family", ("canidae", "canidae family"), "family", ("mammalia", "carnivora"))),
        (f"{UUID}{';no cv result' * 6}", "", Label("no cv result", ("no cv result",))),
        ("mammalia;carnivora;canidae;vulpes;vulpes;red fox", "",
         Label("red fox", ("vulpes vulpes", "red fox"), "species", ("mammalia", "carnivora", "canidae", "vulpes"))),
        ("fox", "mammalia;carnivora;canidae;vulpes;vulpes;red fox",
         Label("fox", ("vulpes vulpes", "red fox"), "species", ("mammalia", "carnivora", "canidae", "vulpes"))),
        ("Vulpes vulpes", "", Label("Vulpes vulpes", ("Vulpes vulpes",))),
        ("Animalia; Vulpes", "", Label("Animalia; Vulpes", ("Animalia; Vulpes",))),
    ],
)  # fmt: skip
def test_labels_that_hold_a_lineage(text: str, description: str, label: Label) -> None:
    assert parse_label(text, description) == label


@pytest.mark.parametrize(
    ("text", "name"),
    [(f"{UUID};mammalia;carnivora;canidae;vulpes;vulpes;fox", "Vulpes vulpes"), (f"{UUID};;;canidae;;;dogs", "Canidae"),
     ("red-fox", "Vulpes vulpes"), (f"{UUID};;;;;;vehicle", "")],
)  # fmt: skip
def test_labels_are_found_in_a_tree(text: str, name: str) -> None:
    taxonomy = tree()
    assert [taxonomy.names[node] for node in find_nodes(Resolver(taxonomy), parse_label(text))] == [name] * bool(name)
