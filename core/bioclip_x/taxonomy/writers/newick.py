"""Newick: `((Parus_major,Parus_minor)Parus,Poecile_palustris)Paridae;`

Names and structure, for phylogenetic programs. The format has no ranks, no authors and no inner classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from bioclip_x.messages import pluralise
from bioclip_x.taxonomy.ancestors import find_last_below, find_taxa_above, is_taxon, list_taxa
from bioclip_x.taxonomy.details import as_columns
from bioclip_x.taxonomy.tree import Taxonomy
from bioclip_x.taxonomy.writers.document import CHUNK_SIZE, Document, count_details

_UNQUOTED: Final = re.compile(r"[^\W_][^\W_]*(?:[ .-][^\W_]+)*\.?")


def make_document(taxonomy: Taxonomy) -> Document:
    return Document(lambda: _generate_chunks(taxonomy), tuple(_describe_losses(taxonomy)))


def _describe_losses(taxonomy: Taxonomy) -> Iterator[str]:
    nodes = is_taxon(taxonomy)
    ranked = int(np.count_nonzero(nodes & (taxonomy.rank_N != taxonomy.rank_names.index(""))))
    if ranked:
        yield f"the ranks of {pluralise(ranked, 'taxon', 'taxa')}"
    inner = np.unique(find_taxa_above(taxonomy)[nodes])
    classes = int((taxonomy.class_of_N[inner] >= 0).sum())
    if classes:
        yield f"that {pluralise(classes, 'inner node is a class', 'inner nodes are classes')} (Newick's classes are its tips)"
    if taxonomy.n_beside:
        yield f"that {pluralise(taxonomy.n_beside, 'label stands', 'labels stand')} beside the tree"
    yield from count_details(as_columns(taxonomy.details))


def _generate_chunks(taxonomy: Taxonomy) -> Iterator[str]:
    above_N, last_N = find_taxa_above(taxonomy), find_last_below(taxonomy).tolist()
    nodes = list_taxa(taxonomy)
    inner = set(above_N[nodes].tolist())
    # A tree begins with a bracket: that of its top taxon, or one around several top taxa or around a single tip.
    is_bracketed = len(nodes) == 1 or int((above_N[nodes] == 0).sum()) > 1
    parts = ["("] if is_bracketed else []
    still_open: list[int] = []
    is_first = True
    for node in nodes:
        while still_open and last_N[still_open[-1]] < node:
            parts.append(f"){_format_label(taxonomy.names[still_open.pop()])}")
            is_first = False
        parts.append("" if is_first else ",")
        is_first = node in inner
        if is_first:
            still_open.append(node)
        parts.append("(" if is_first else _format_label(taxonomy.names[node]))
        if len(parts) >= CHUNK_SIZE:
            yield "".join(parts)
            parts.clear()
    parts += (f"){_format_label(taxonomy.names[node])}" for node in reversed(still_open))
    yield "".join(parts) + (");\n" if is_bracketed else ";\n")


def _format_label(name: str) -> str:
    """Replaces blanks by underscores; quotes a name that contains underscores or syntax characters.

    >>> _format_label("Parus major"), _format_label("O'Brien's (tit)")
    ('Parus_major', "'O''Brien''s (tit)'")
    """
    return name.replace(" ", "_") if _UNQUOTED.fullmatch(name) else "'" + name.replace("'", "''") + "'"
