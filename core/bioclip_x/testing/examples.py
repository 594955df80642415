"""What the checks use components on: a small tree with all that trees may have."""

from __future__ import annotations

from functools import cache

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import TaxonomyBuilder

RANKS = ("class", "order", "family", "genus", "species")
LINEAGES = (
    ("Aves", "Passeriformes", "Paridae", "Parus", "Parus major"),
    ("Aves", "Passeriformes", "Paridae", "Parus", ""),  # a class that has a class below it
    ("Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus merula"),
    ("Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus pilaris"),
    ("Aves", "", "", "Apus", "Apus apus"),  # a lineage with gaps
    ("Insecta", "Hymenoptera", "Apidae", "Apis", "Apis mellifera"),
    ("Insecta", "Hymenoptera", "Apidae", "", ""),  # a family as a class
)


@cache
def make_taxonomy() -> Taxonomy:
    """Seven classes of four ranks: with gaps, and with classes that have classes below them."""
    builder = TaxonomyBuilder()
    for lineage in LINEAGES:
        builder.add_lineage(list(zip(RANKS, lineage)))
    return builder.build()
