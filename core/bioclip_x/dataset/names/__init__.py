"""Unifies the names of images: given identifications are resolved to the taxa of one tree, merged from ranked taxonomies."""

from bioclip_x.dataset.names.counts import count_statuses
from bioclip_x.dataset.names.held_out import ExpandedSpecies, expand_species
from bioclip_x.dataset.names.ranked import RankedTaxonomy
from bioclip_x.dataset.names.resolve import resolve_names
from bioclip_x.dataset.names.review import Corrections, read_corrections, write_review_table

__all__ = [
    "Corrections",
    "ExpandedSpecies",
    "RankedTaxonomy",
    "count_statuses",
    "expand_species",
    "read_corrections",
    "resolve_names",
    "write_review_table",
]
