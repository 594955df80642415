"""Formats a lineage as one text."""

from __future__ import annotations

from itertools import pairwise

from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.ranks import LINNAEAN


def format_taxonomic_name(taxon: Taxon) -> str:
    """Joins the names at the seven Linnaean ranks, then the taxon itself if it has another rank.

    "Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus"
    """
    return " ".join(list_rank_words(taxon))


def list_rank_words(taxon: Taxon) -> list[str]:
    """Returns what each rank adds to the taxonomic name; of a species, its epithet."""
    names = [name for rank, name in taxon.lineage if rank in LINNAEAN]
    if not taxon.lineage or taxon.lineage[-1][0] not in LINNAEAN:
        names.append(taxon.name)
    words = [names[0]] if names else []
    for above, name in pairwise(names):
        words.append(name.removeprefix(f"{above} "))
    return words
