"""The other species of a genus, by name: what a description must tell a species from."""

from __future__ import annotations

from typing import Final

from bioclip_x.taxonomy import ROOT, TAXON, Taxonomy

MOST_TOLD: Final = 12
"""Names in one prompt. Of a larger genus those that come next in the tree, so that each is told to some of the others."""


def find_siblings(taxonomy: Taxonomy, node: int) -> list[int]:
    """The taxa of the same rank under the same taxon, without the node itself, in the order of the tree.

    Holes and self leaves between them are passed over. Tops have none: plain labels are nobody's relatives.
    """
    parent = int(taxonomy.parent_N[node])
    while parent > 0 and taxonomy.kind_N[parent] != TAXON:
        parent = int(taxonomy.parent_N[parent])
    if parent <= 0 or taxonomy.kind_N[parent] == ROOT:
        return []
    found, left = [], taxonomy.children(parent)[::-1]
    while left:
        child = left.pop()
        if taxonomy.kind_N[child] != TAXON:
            left += taxonomy.children(child)[::-1]
        elif child != node and taxonomy.rank_N[child] == taxonomy.rank_N[node]:
            found.append(child)
    return found


def describe_siblings(taxonomy: Taxonomy, node: int, called_by: str, language: str) -> str:
    """Their names as a prompt tells them, "" where there are none."""
    found = find_siblings(taxonomy, node)
    nearest = ([one for one in found if one > node] + [one for one in found if one < node])[:MOST_TOLD]
    names = []
    for one in nearest:
        taxon = taxonomy.taxon(one)
        common = taxon.common_name(language) if called_by == "common" else ""
        names.append((common or taxon.name).replace("_", " "))
    more = len(found) - len(nearest)
    return ", ".join(names) + (f" and {more} others" if more else "")
