"""What changed from one tree to another: taxa added, removed, moved, renamed, lumped, split, and at another rank.

Taxa are matched by path first; what is left by rank and name, then by name, then by synonyms. So a family that got
another order has moved, and the thousand species in it have not.
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

NEAREST: Final = 64
"""How far up lineages are compared. No classification is so deep; phylogenies are, and much deeper."""

MOST_COMPARED: Final = 1_000_000
"""Pairs of taxa of one name that are compared; more of them are no names ("incertae sedis"), and taken in their order."""

KINDS: Final[tuple[Kind, ...]] = ("renamed", "lumped", "split", "rank changed", "moved", "removed", "added")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: nodes of the old and of the new tree, None where there is none.

    added, removed: of one tree only. moved: same rank and name, another parent. renamed: the old name is a synonym of the
    new taxon, or the new name one of the old taxon. lumped: the old name is a synonym of a taxon that was there already;
    split: the new name was one of a taxon that is still there. rank changed: same name at another rank.
    A taxon can have moved besides being renamed or changing rank; it is told once, as the latter.
    """

    kind: Kind
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """changes: by kind in the order of `KINDS`, then in the order of the trees. unchanged: taxa in both, as they were."""

    changes: tuple[Change, ...]
    unchanged: int

    def counts(self) -> dict[Kind, int]:
        """How many of each kind, every kind listed."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS}


def compare_taxonomies(old: Taxonomy, new: Taxonomy) -> Difference:
    """Compares two trees, whatever files they came from. Holes, self leaves, common names and identifiers do not matter.

    Taxa of one name under different codes of nomenclature (*Oenanthe* the bird and the plant) are never taken for one.
    Ranks that only one of the trees uses are passed over where parents are compared: a tree with suborders has moved no
    family of a tree without them.
    """
    pairs = _Pairs(old, new)
    pairs.match_paths()
    pairs.match_keys(lambda tree, node: (tree.rank(node), tree.names[node]))
    same = list(pairs.new_of.items())[1:]
    pairs.match_keys(lambda tree, node: tree.names[node])
    changes = [Change("rank changed", a, b) for a, b in list(pairs.new_of.items())[1 + len(same) :]]
    changes += pairs.match_synonyms()
    told = {change.old for change in changes}, {change.new for change in changes}
    moved = [Change("moved", a, b) for a, b in same if pairs.has_moved(a, b)]
    changes += moved
    changes += [Change("removed", node, None) for node in pairs.left_old() if node not in told[0]]
    changes += [Change("added", None, node) for node in pairs.left_new() if node not in told[1]]
    place = {kind: i for i, kind in enumerate(KINDS)}
    changes.sort(key=lambda c: (place[c.kind], -1 if c.old is None else c.old, -1 if c.new is None else c.new))
    return Difference(tuple(changes), len(same) - len(moved))


class _Pairs:
    """Which taxon of the old tree is which of the new one, as far as is known. new_of, old_of: node → node, root to root."""

    def __init__(self, old: Taxonomy, new: Taxonomy) -> None:
        self.old, self.new = old, new
        self.new_of: dict[int, int] = {0: 0}
        self.old_of: dict[int, int] = {0: 0}
        both = set(old.rank_names) & set(new.rank_names)
        self._old_above, self._new_above = _above(old, both), _above(new, both)
        self._old_parent, self._new_parent = find_taxa_above(old), find_taxa_above(new)
        self._known: tuple[dict[int, frozenset[str]], dict[int, frozenset[str]]] = ({}, {})

    def left_old(self) -> list[int]:
        return [node for node in list_taxa(self.old) if node not in self.new_of]

    def left_new(self) -> list[int]:
        return [node for node in list_taxa(self.new) if node not in self.old_of]

    def has_moved(self, old: int, new: int) -> bool:
        """Whether its parents differ, those of ranks that only one tree uses left out too."""
        parents = self.new_of.get(int(self._old_parent[old])), int(self._new_parent[new])
        return parents[0] != parents[1] and self.new_of.get(self._old_above[old]) != self._new_above[new]

    def match_paths(self) -> None:
        """Pairs taxa whose whole paths are equal; siblings of one rank and name in their order."""
        by_key: dict[Hashable, int] = {}
        counts: Counter[Hashable] = Counter()
        for node in list_taxa(self.new):
            key = (self._new_above[node], self.new.rank(node), self.new.names[node])
            counts[key] += 1
            numbered = (*key, counts[key])
            by_key[numbered] = node
        counts.clear()
        for node in list_taxa(self.old):  # parents come first; below one that was not found nothing is
            key = (self.new_of.get(self._old_above[node], -1), self.old.rank(node), self.old.names[node])
            counts[key] += 1
            if (found := by_key.get((*key, counts[key]))) is not None:
                self._add(node, found)

    def match_keys(self, key: Callable[[Taxonomy, int], Hashable]) -> None:
        """Pairs what is left and has equal keys; of several of a key those whose lineages have most in common."""
        left: defaultdict[Hashable, list[int]] = defaultdict(list)
        for node in self.left_new():
            left[key(self.new, node)].append(node)
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for node in self.left_old():
            if (found := key(self.old, node)) in left:
                groups[found].append(node)
        for found, nodes in groups.items():
            for old, new in _likeliest(self._lineages(self.old, nodes), self._lineages(self.new, left[found])):
                self._add(old, new)

    def match_synonyms(self) -> list[Change]:
        """Pairs what was renamed, and tells what was renamed, lumped or split."""
        gone, come = self.left_old(), self.left_new()
        # Old names that the new tree has as synonyms, and the reverse, as (old, new).
        hits = [(old, new) for new, old in _called(self.new, self.old, gone)]
        hits += list(_called(self.old, self.new, come))
        hits = [
            (old, new) for old, new in hits if _may_be_one(self._lineage(self.old, old), self._lineage(self.new, new))
        ]
        changes = []
        for old, new in hits:
            if old not in self.new_of and new not in self.old_of:
                self._add(old, new)
                changes.append(Change("renamed", old, new))
        told: set[tuple[str, int]] = set()
        for old, new in hits:
            if old not in self.new_of and ("old", old) not in told:
                told.add(("old", old))
                changes.append(Change("lumped", old, new))
            elif new not in self.old_of and ("new", new) not in told:
                told.add(("new", new))
                changes.append(Change("split", old, new))
        return changes

    def _add(self, old: int, new: int) -> None:
        self.new_of[old], self.old_of[new] = new, old

    def _lineages(self, tree: Taxonomy, nodes: Iterable[int]) -> dict[int, frozenset[str]]:
        return {node: self._lineage(tree, node) for node in nodes}

    def _lineage(self, tree: Taxonomy, node: int) -> frozenset[str]:
        """Normalised names of the taxa above it, the nearest `NEAREST`."""
        above, known = (self._old_above, self._known[0]) if tree is self.old else (self._new_above, self._known[1])
        parent = node = above[node]
        if parent not in known:
            names: list[str] = []
            while node and len(names) < NEAREST:
                names.append(normalise_name(tree.names[node]))
                node = above[node]
            known[parent] = frozenset(names)
        return known[parent]


def _likeliest(olds: Lineages, news: Lineages) -> Iterator[tuple[int, int]]:
    """Pairs each old node with one new node: those with most names in common first, then in the trees' order."""
    if len(olds) * len(news) > MOST_COMPARED:
        yield from zip(olds, news)
        return
    scored = [(-len(a & b), old, new) for old, a in olds.items() for new, b in news.items() if _may_be_one(a, b)]
    paired: tuple[set[int], set[int]] = (set(), set())
    for _, old, new in sorted(scored):
        if old not in paired[0] and new not in paired[1]:
            paired[0].add(old)
            paired[1].add(new)
            yield old, new


def _may_be_one(old: frozenset[str], new: frozenset[str]) -> bool:
    """Whether taxa of these lineages may be the same: unless different codes of nomenclature govern them."""
    codes = guess_nomenclatural_code(old), guess_nomenclatural_code(new)
    return codes[0] == codes[1] or "" in codes


def _called(tree: Taxonomy, other: Taxonomy, nodes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(taxon of `tree`, one of `nodes` in the other tree) where the name of the latter is a synonym of the former."""
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for node in nodes:
        by_name[other.names[node]].append(node)
    for column in as_columns(tree.details).columns:
        if column.role == "synonyms":
            for taxon, synonyms in zip(column.node_n.tolist(), column.values):
                names = dict.fromkeys(synonym.split("\t")[0] for synonym in synonyms.split(BETWEEN))
                yield from ((taxon, node) for name in names for node in by_name.get(name, ()))


def _above(tree: Taxonomy, ranks: Collection[str]) -> list[int]:
    """The nearest taxon of one of these ranks that each node stands below, 0 where there is none."""
    counts = np.array([rank in ranks for rank in tree.rank_names])[tree.rank_N]
    found: list[int] = find_nearest_above(tree, is_taxon(tree) & counts).tolist()
    return found
