"""Taxonomies: rooted trees of taxa, compiled to flat arrays."""

from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.details import Details
from bioclip_x.taxonomy.names.normalise import normalise_name
from bioclip_x.taxonomy.names.resolver import Match, Resolver
from bioclip_x.taxonomy.ranks import LINNAEAN, RANKS, normalise_rank
from bioclip_x.taxonomy.tree import HOLE, ROOT, SELF, TAXON, Taxonomy

__all__ = [
    "HOLE",
    "LINNAEAN",
    "RANKS",
    "ROOT",
    "SELF",
    "TAXON",
    "Details",
    "Match",
    "Resolver",
    "Taxonomy",
    "TaxonomyBuilder",
    "normalise_name",
    "normalise_rank",
]
