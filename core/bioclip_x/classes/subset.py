"""Part of the classes: the recipe's subset, and of embeddings that are there for all classes those of the subset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bioclip_x.classes.species_lists import read_list
from bioclip_x.registry import Registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.editing.subset import Subset, subset


def part_of(registry: Registry, terms: Sequence[str], taxonomy: Taxonomy) -> Subset:
    """The subset that terms (`class=Insecta`) describe; all of it, the very same, where there are none. Raises TaxonomyError."""
    if not terms:
        return Subset(taxonomy, np.arange(taxonomy.n_classes, dtype=np.int32), ())
    part = subset(taxonomy, terms, read=lambda path: read_list(registry, path))
    return replace(part, tree=replace(part.tree, notes=(*part.tree.notes, *part.notes)))
