"""Finds the siblings of a taxon, such as the other species of its genus, which a description must distinguish it from."""

from __future__ import annotations

from typing import Final

from bioclip_x.taxonomy import ROOT, TAXON, Taxonomy

MOST_SIBLINGS: Final = 12
"""Most names in one prompt. In a larger genus the next ones in tree order, so that each is named to some of the others."""


def find_siblings(taxonomy: Taxonomy, node: int) -> list[int]:
    """Returns the other taxa of the same rank under the same parent taxon, in tree order.

    Holes and self leaves in between are skipped. Nodes below the root have no siblings: plain labels are unrelated.
    """
    parent = int(taxonomy.parent_N[node])
    while parent > 0 and taxonomy.kind_N[parent] != TAXON:
        parent = int(taxonomy.parent_N[parent])
    if parent <= 0 or taxonomy.kind_N[parent] == ROOT:
        return []
    siblings, stack = [], taxonomy.children(parent)[::-1]
    while stack:
        child = stack.pop()
        if taxonomy.kind_N[child] != TAXON:
            stack += taxonomy.children(child)[::-1]
        elif child != node and taxonomy.rank_N[child] == taxonomy.rank_N[node]:
            siblings.append(child)
    return siblings


def describe_siblings(taxonomy: Taxonomy, node: int, called_by: str, language: str) -> str:
    """Returns the siblings' names as text for a prompt; "" where there are none."""
    siblings = find_siblings(taxonomy, node)
    following = [other for other in siblings if other > node] + [other for other in siblings if other < node]
    nearest = following[:MOST_SIBLINGS]
    names = []
    for sibling in nearest:
        taxon = taxonomy.taxon(sibling)
        common = taxon.common_name(language) if called_by == "common" else ""
        names.append((common or taxon.name).replace("_", " "))
    more = len(siblings) - len(nearest)
    return ", ".join(names) + (f" and {more} others" if more else "")
