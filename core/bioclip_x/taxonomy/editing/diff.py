"""Compares two trees: taxa added, removed, moved, renamed, lumped, split, and changed in rank.

Taxa are matched by path first, then by rank and name, then by name, then by synonyms. A family that is placed in another
order counts as moved, but the species in it do not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from bioclip_x.taxonomy.ancestors import find_nearest_above, find_taxa_above, is_taxon, list_taxa
from bioclip_x.taxonomy.details import BETWEEN, as_columns
from bioclip_x.taxonomy.names.nomenclature import guess_nomenclatural_code
from bioclip_x.taxonomy.names.normalise import normalise_name
from bioclip_x.taxonomy.tree import Taxonomy

Lineages = Mapping[int, frozenset[str]]
Kind = Literal["added", "removed", "moved", "renamed", "lumped", "split", "rank changed"]

MAX_LINEAGE: Final = 64
"""Number of higher taxa that are compared. Classifications are less deep; phylogenies may be much deeper."""

MAX_PAIRS: Final = 1_000_000
"""Pairs of taxa with the same name that are compared; with more, the name is a placeholder ("incertae sedis"), and the taxa
are paired in order."""

KINDS: Final[tuple[Kind, ...]] = ("renamed", "lumped", "split", "rank changed", "moved", "removed", "added")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the node in the old and in the new tree, None where there is none.

    added, removed: in one tree only. moved: same rank and name, another parent. renamed: the old name is a synonym of the
    new taxon, or the new name a synonym of the old taxon. lumped: the old name is now a synonym of a taxon that already
    existed; split: the new name was a synonym of a taxon that still exists. rank changed: same name at another rank.
    A taxon that was both moved and renamed (or changed in rank) is listed once, as renamed (or rank changed).
    """

    kind: Kind
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """changes: by kind in the order of `KINDS`, then in tree order. unchanged: number of taxa equal in both trees."""

    changes: tuple[Change, ...]
    unchanged: int

    def counts(self) -> dict[Kind, int]:
        """Returns the number of changes of every kind."""
        counts = Counter(change.kind for change in self.changes)
        return {kind: counts[kind] for kind in KINDS}


def compare_taxonomies(old: Taxonomy, new: Taxonomy) -> Difference:
    """Compares two trees. Holes, self leaves, common names and identifiers are ignored.

    Taxa with the same name under different codes of nomenclature (*Oenanthe* the bird and the plant) are never matched.
    Ranks that only one of the trees uses are skipped where parents are compared: a tree with suborders has not moved the
    families of a tree without them.
    """
    matcher = _Matcher(old, new)
    matcher.match_paths()
    matcher.match_keys(lambda tree, node: (tree.rank(node), tree.names[node]))
    same = list(matcher.new_of.items())[1:]
    matcher.match_keys(lambda tree, node: tree.names[node])
    changes = [Change("rank changed", a, b) for a, b in list(matcher.new_of.items())[1 + len(same) :]]
    changes += matcher.match_synonyms()
    changed_old, changed_new = {change.old for change in changes}, {change.new for change in changes}
    moved = [Change("moved", a, b) for a, b in same if matcher.has_moved(a, b)]
    changes += moved
    changes += [Change("removed", node, None) for node in matcher.list_unmatched_old() if node not in changed_old]
    changes += [Change("added", None, node) for node in matcher.list_unmatched_new() if node not in changed_new]
    position = {kind: i for i, kind in enumerate(KINDS)}
    changes.sort(key=lambda c: (position[c.kind], -1 if c.old is None else c.old, -1 if c.new is None else c.new))
    return Difference(tuple(changes), len(same) - len(moved))


class _Matcher:
    """Matches the taxa of two trees. new_of, old_of: the matches so far, node → node; the roots match."""

    def __init__(self, old: Taxonomy, new: Taxonomy) -> None:
        self.old, self.new = old, new
        self.new_of: dict[int, int] = {0: 0}
        self.old_of: dict[int, int] = {0: 0}
        both = set(old.rank_names) & set(new.rank_names)
        self._old_above, self._new_above = _find_ancestors(old, both), _find_ancestors(new, both)
        self._old_parent, self._new_parent = find_taxa_above(old), find_taxa_above(new)
        self._cached_lineages: tuple[dict[int, frozenset[str]], dict[int, frozenset[str]]] = ({}, {})

    def list_unmatched_old(self) -> list[int]:
        return [node for node in list_taxa(self.old) if node not in self.new_of]

    def list_unmatched_new(self) -> list[int]:
        return [node for node in list_taxa(self.new) if node not in self.old_of]

    def has_moved(self, old: int, new: int) -> bool:
        """Whether the parents differ, both with and without ranks that only one tree uses."""
        parents = self.new_of.get(int(self._old_parent[old])), int(self._new_parent[new])
        return parents[0] != parents[1] and self.new_of.get(self._old_above[old]) != self._new_above[new]

    def match_paths(self) -> None:
        """Matches taxa with equal paths; siblings with the same rank and name are matched in order."""
        by_key: dict[Hashable, int] = {}
        counts: Counter[Hashable] = Counter()
        for node in list_taxa(self.new):
            key = (self._new_above[node], self.new.rank(node), self.new.names[node])
            counts[key] += 1
            numbered = (*key, counts[key])
            by_key[numbered] = node
        counts.clear()
        for node in list_taxa(self.old):  # parents come first; nothing below an unmatched taxon matches
            key = (self.new_of.get(self._old_above[node], -1), self.old.rank(node), self.old.names[node])
            counts[key] += 1
            if (match := by_key.get((*key, counts[key]))) is not None:
                self._add_match(node, match)

    def match_keys(self, make_key: Callable[[Taxonomy, int], Hashable]) -> None:
        """Matches unmatched taxa with equal keys; of several with one key, those whose lineages have most in common."""
        new_groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for node in self.list_unmatched_new():
            new_groups[make_key(self.new, node)].append(node)
        old_groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for node in self.list_unmatched_old():
            if (key := make_key(self.old, node)) in new_groups:
                old_groups[key].append(node)
        for key, nodes in old_groups.items():
            old_lineages = self._get_lineages(self.old, nodes)
            for old, new in _pair_by_lineage(old_lineages, self._get_lineages(self.new, new_groups[key])):
                self._add_match(old, new)

    def match_synonyms(self) -> list[Change]:
        """Matches renamed taxa, and returns the taxa renamed, lumped or split."""
        unmatched_old, unmatched_new = self.list_unmatched_old(), self.list_unmatched_new()
        # Old names that the new tree has as synonyms, and the reverse, as (old, new).
        hits = [(old, new) for new, old in _find_as_synonyms(self.new, self.old, unmatched_old)]
        hits += list(_find_as_synonyms(self.old, self.new, unmatched_new))
        hits = [
            (old, new)
            for old, new in hits
            if _are_compatible(self._get_lineage(self.old, old), self._get_lineage(self.new, new))
        ]
        changes = []
        for old, new in hits:
            if old not in self.new_of and new not in self.old_of:
                self._add_match(old, new)
                changes.append(Change("renamed", old, new))
        listed: set[tuple[str, int]] = set()
        for old, new in hits:
            if old not in self.new_of and ("old", old) not in listed:
                listed.add(("old", old))
                changes.append(Change("lumped", old, new))
            elif new not in self.old_of and ("new", new) not in listed:
                listed.add(("new", new))
                changes.append(Change("split", old, new))
        return changes

    def _add_match(self, old: int, new: int) -> None:
        self.new_of[old], self.old_of[new] = new, old

    def _get_lineages(self, tree: Taxonomy, nodes: Iterable[int]) -> dict[int, frozenset[str]]:
        return {node: self._get_lineage(tree, node) for node in nodes}

    def _get_lineage(self, tree: Taxonomy, node: int) -> frozenset[str]:
        """Returns the normalised names of the nearest `MAX_LINEAGE` higher taxa."""
        is_old = tree is self.old
        above, cache = (self._old_above if is_old else self._new_above), self._cached_lineages[0 if is_old else 1]
        parent = node = above[node]
        if parent not in cache:
            names: list[str] = []
            while node and len(names) < MAX_LINEAGE:
                names.append(normalise_name(tree.names[node]))
                node = above[node]
            cache[parent] = frozenset(names)
        return cache[parent]


def _pair_by_lineage(olds: Lineages, news: Lineages) -> Iterator[tuple[int, int]]:
    """Pairs old with new nodes: those with most names in common first, then in tree order."""
    if len(olds) * len(news) > MAX_PAIRS:
        yield from zip(olds, news)
        return
    scored = [(-len(a & b), old, new) for old, a in olds.items() for new, b in news.items() if _are_compatible(a, b)]
    paired_old, paired_new = set[int](), set[int]()
    for _, old, new in sorted(scored):
        if old not in paired_old and new not in paired_new:
            paired_old.add(old)
            paired_new.add(new)
            yield old, new


def _are_compatible(old: frozenset[str], new: frozenset[str]) -> bool:
    """Whether taxa with these lineages may be the same, that is, not under different codes of nomenclature."""
    codes = guess_nomenclatural_code(old), guess_nomenclatural_code(new)
    return codes[0] == codes[1] or "" in codes


def _find_as_synonyms(tree: Taxonomy, other: Taxonomy, nodes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yields (taxon of `tree`, one of `nodes` in `other`) where the name of the latter is a synonym of the former."""
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for node in nodes:
        by_name[other.names[node]].append(node)
    for column in as_columns(tree.details).columns:
        if column.role == "synonyms":
            for taxon, synonyms in zip(column.node_n.tolist(), column.values):
                names = dict.fromkeys(synonym.split("\t")[0] for synonym in synonyms.split(BETWEEN))
                yield from ((taxon, node) for name in names for node in by_name.get(name, ()))


def _find_ancestors(tree: Taxonomy, ranks: Collection[str]) -> list[int]:
    """Returns each node's nearest proper ancestor with one of these ranks, 0 where there is none."""
    has_rank_N = np.array([rank in ranks for rank in tree.rank_names])[tree.rank_N]
    ancestors: list[int] = find_nearest_above(tree, is_taxon(tree) & has_rank_N).tolist()
    return ancestors
