"""Selects the subset of classes that a recipe requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bioclip_x.classes.species_lists import read_species_list
from bioclip_x.hooks.registry import Registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.editing.subset import Subset, subset


def select_subset(registry: Registry, terms: Sequence[str], taxonomy: Taxonomy) -> Subset:
    """Selects the subset that terms (`class=Insecta`) describe; without terms, the taxonomy itself. Raises TaxonomyError."""
    if not terms:
        return Subset(taxonomy, np.arange(taxonomy.n_classes, dtype=np.int32), ())
    part = subset(taxonomy, terms, read=lambda path: read_species_list(registry, path))
    return replace(part, tree=replace(part.tree, notes=(*part.tree.notes, *part.notes)))
