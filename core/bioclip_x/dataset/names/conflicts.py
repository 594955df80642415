"""Tells where a given lineage, or that of the taxonomy that knows a name, disagrees with the resolved one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioclip_x.dataset.names.choosing import collect_hashes_above
from bioclip_x.dataset.names.given import HIGHER, Given
from bioclip_x.dataset.names.merged import MergedTree
from bioclip_x.dataset.names.ranked import GENUS
from bioclip_x.dataset.names.search import SYNONYM, Found
from bioclip_x.taxonomy.ranks import LINNAEAN


def find_conflicts(given: Given, tree: MergedTree, found: dict[int, Found]) -> dict[int, str]:
    """Returns row → "family given Paridae, resolved Muscicapidae", for rows whose lineages disagree.

    Not a conflict: a synonym of the resolved taxon, a taxon of another rank above it, the former genus of a synonym.
    """
    rows = [row for row, one in found.items() if one.taxon > 0 and one.node]
    if not rows:
        return {}
    taxa, place = np.unique([found[row].taxon for row in rows], return_inverse=True)
    resolved = np.array([tree.hashes(int(taxon)) for taxon in taxa], np.int64)[place.reshape(-1)]
    texts: dict[int, list[str]] = {}
    same: dict[tuple[int, int, int], bool] = {}
    for level, rank in enumerate(HIGHER):
        keys = given.higher_R(level)[rows]
        for index in np.flatnonzero((keys != 0) & (resolved[:, level] != 0) & (keys != resolved[:, level])).tolist():
            row, key = rows[index], int(keys[index])
            one = found[row]
            if level == GENUS and one.by == SYNONYM:
                continue
            case = (one.taxon, level, key)
            if case not in same:
                same[case] = _is_same(tree, *case)
            if not same[case]:
                text = f"{rank} given {given.cells[rank][row]}, resolved {_name_at(tree, one.taxon, level)}"
                texts.setdefault(row, []).append(text)
    memo: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        one = found[row]
        if one.source > 0:
            if (one.source, one.node) not in memo:
                memo[one.source, one.node] = compare_with_merged(tree, one)
            if more := memo[one.source, one.node]:
                texts.setdefault(row, []).extend(more)
    return {row: "; ".join(parts) for row, parts in texts.items()}


def compare_with_merged(tree: MergedTree, found: Found) -> list[str]:
    """Lists the ranks at which the taxonomy that knows a name has another taxon above it than the merged tree."""
    taxonomy = tree.taxonomies[found.source]
    path = {tree.level_M[taxon]: taxon for taxon in tree.list_path(found.taxon)}
    texts = []
    for node in taxonomy.list_linnaean(int(taxonomy.anchor_N[found.node])):
        level = int(taxonomy.level_N[node])
        other = path.get(level)
        if (
            other is not None
            and level < tree.level_M[found.taxon]
            and tree.place(found.source, node) not in (other, -1)
        ):
            name = tree.taxonomies[tree.source_M[other]].name
            texts.append(f"{LINNAEAN[level]} in {name} {tree.name(other)}, in {taxonomy.name} {taxonomy.name_of(node)}")
    return texts[::-1]


def _is_same(tree: MergedTree, taxon: int, level: int, key: int) -> bool:
    path = {tree.level_M[one]: one for one in tree.list_path(taxon)}
    resolved = path[level]
    home = tree.taxonomies[tree.source_M[taxon]]
    if key in collect_hashes_above(home, tree.node_M[taxon]):
        return True
    for source, taxonomy in enumerate(tree.taxonomies):
        nodes: Sequence[int] = [node for node in taxonomy.synonyms.get(key) if taxonomy.level_N[node] == level]
        if any(tree.place(source, node) == resolved for node in nodes):
            return True
    return False


def _name_at(tree: MergedTree, taxon: int, level: int) -> str:
    return next(tree.name(one) for one in tree.list_path(taxon) if tree.level_M[one] == level)
