"""One tree merged from ranked taxonomies: each taxon stands where the first taxonomy that knows it has it.

Rules, by which the result is one tree whatever is looked up, and in whatever order:

1. A taxon of a later taxonomy is that of an earlier one with the same Linnaean rank and name, or with the name as a synonym,
   if the nomenclatural code is not another. Where it may be several there, it is ambiguous, and is not used.
2. A taxon that no earlier taxonomy knows hangs below the lowest of its own higher taxa that is not ambiguous, placed by
   the same rules.
3. A rank that is missing between a taxon and the one above it is filled from the first later taxonomy that knows the taxon, if
   the filled-in taxon, placed by the same rules, is itself below the one above.
4. A group that its own taxonomy puts below nothing (classes of a list without phyla) is completed from the first other one in
   which the taxa directly below it (where none of them is known, those below them) are all below one taxon of a higher rank.

Legend: M merged taxa.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioclip_x.dataset.names.choosing import collect_hashes_above, find_fullest, narrow
from bioclip_x.dataset.names.ranked import GENUS, SPECIES, Indexed
from bioclip_x.taxonomy.ranks import LINNAEAN

ROOT, AMBIGUOUS = 0, -1


class MergedTree:
    """Places taxa on demand. taxon 0 is the root.

    source_M, node_M: the taxonomy and its node that a merged taxon is; level_M: index into `LINNAEAN`; code_M: into `CODES`.
    """

    def __init__(self, taxonomies: Sequence[Indexed]) -> None:
        self.taxonomies = taxonomies
        self.source_M, self.node_M, self.level_M, self.code_M, self._first_parent_M = [-1], [0], [-1], [0], [-1]
        self._placed: list[dict[int, int]] = [{} for _ in taxonomies]
        self._parent: dict[int, int] = {ROOT: -1}

    def place(self, source: int, node: int) -> int:
        """Returns the merged taxon of a Linnaean taxon of a taxonomy; AMBIGUOUS where it may be several."""
        if node <= 0:
            return ROOT
        if (placed := self._placed[source].get(node)) is not None:
            return placed
        taxonomy = self.taxonomies[source]
        fullest = find_fullest(taxonomy, node)
        taxon = self._place_new(source, node) if fullest == node else self.place(source, fullest)
        self._placed[source][node] = taxon
        return taxon

    def _place_new(self, source: int, node: int) -> int:
        taxonomy = self.taxonomies[source]
        own = int(taxonomy.code_N[node])
        above = (self.place(source, one) for one in taxonomy.list_linnaean(node)[1:])
        parent = next((one for one in above if one > 0 and self._may_be_under(one, own)), ROOT)
        code = own or self.code_M[parent]
        for earlier in range(source):
            same = self.find_same(earlier, source, node, code)
            if len(same) > 1:
                return AMBIGUOUS
            if same and self._may_be_under(placed := self.place(earlier, same[0]), code):
                return placed
        for values, value in (
            (self.source_M, source),
            (self.node_M, node),
            (self.level_M, int(taxonomy.level_N[node])),
            (self.code_M, code),
            (self._first_parent_M, parent),
        ):
            values.append(value)
        return len(self.source_M) - 1

    def find_same(self, other: int, source: int, node: int, code: int) -> tuple[int, ...]:
        """Returns the nodes of another taxonomy that are this taxon, by rank and accepted name, else by synonym."""
        taxonomy, key = self.taxonomies[other], int(self.taxonomies[source].hash_N[node])
        level = self.taxonomies[source].level_N[node]
        above: frozenset[int] | None = None
        for index in (taxonomy.accepted, taxonomy.synonyms):
            nodes = [one for one in index.get(key) if taxonomy.level_N[one] == level]
            nodes = [one for one in nodes if not code or taxonomy.code_N[one] in (0, code)]
            if not nodes:
                continue
            above = collect_hashes_above(self.taxonomies[source], node) if above is None else above
            if level == GENUS:
                nodes = [one for one in nodes if self._may_be_one_genus(taxonomy, one, code, above)]
            if nodes:
                return tuple(nodes) if len(nodes) == 1 else narrow(taxonomy, nodes, above)
        return ()

    def _may_be_one_genus(self, taxonomy: Indexed, node: int, code: int, above: frozenset[int]) -> bool:
        """Whether a genus of the same name is the same: where no code tells, if higher taxa are shared, or none are told."""
        if code and taxonomy.code_N[node] == code:
            return True
        others = collect_hashes_above(taxonomy, node)
        return not above or not others or not above.isdisjoint(others)

    def parent(self, taxon: int) -> int:
        """Returns the merged taxon above, with missing ranks filled in (rule 3)."""
        if taxon not in self._parent:
            self._parent[taxon] = self._fill_in(taxon)
        return self._parent[taxon]

    def _fill_in(self, taxon: int) -> int:
        parent, level = self._first_parent_M[taxon], self.level_M[taxon]
        bottom = level - 1
        for other in range(self.source_M[taxon] + 1, len(self.taxonomies)):
            if self.level_M[parent] == bottom:
                break
            same = self._find_accepted(other, self.source_M[taxon], self.node_M[taxon], self.code_M[taxon])
            for node in self.taxonomies[other].list_linnaean(same)[1:]:
                filled = self.place(other, node)
                if filled <= 0 or not self._may_be_under(filled, self.code_M[taxon]):
                    continue
                if self.level_M[parent] < self.level_M[filled] < level and self._is_below(filled, parent):
                    parent = filled
                    break
        return parent if parent else self._complete(taxon)

    def _complete(self, taxon: int) -> int:
        """Returns what is above the taxa directly below a group without parent in another taxonomy (rule 4), else the root."""
        source, node, level = self.source_M[taxon], self.node_M[taxon], self.level_M[taxon]
        if not 0 < level < GENUS:
            return ROOT
        for other in range(len(self.taxonomies)):
            above = self._find_all_above(other, source, node, self.code_M[taxon], level) if other != source else set()
            if len(above) == 1 and self._may_be_under(one := above.pop(), self.code_M[taxon]):
                return one
        return ROOT

    def _find_all_above(self, other: int, source: int, node: int, code: int, level: int) -> set[int]:
        """Returns what another taxonomy has above what is directly below a node, or where it knows none of it, below that."""
        taxonomy, below = self.taxonomies[source], np.array([node])
        while len(below):
            below = np.flatnonzero(
                np.isin(taxonomy.above_N, below) & (taxonomy.level_N >= 0) & (taxonomy.level_N < GENUS)
            )
            same = [self._find_accepted(other, source, one, code) for one in below.tolist()]
            if above := {self._find_above(other, one, level) for one in same if one} - {ROOT}:
                return above
        return set()

    def _find_accepted(self, other: int, source: int, node: int, code: int) -> int:
        """Returns the node of another taxonomy that is this taxon by its accepted name; 0 for none or several."""
        same = self.find_same(other, source, node, code)
        is_accepted = len(same) == 1 and self.taxonomies[other].hash_N[same[0]] == self.taxonomies[source].hash_N[node]
        return same[0] if is_accepted else 0

    def _find_above(self, source: int, node: int, level: int) -> int:
        """Returns the lowest taxon of a rank above a level, above a node of a taxonomy; the root for none or if ambiguous."""
        for one in self.taxonomies[source].list_linnaean(node)[1:]:
            if self.taxonomies[source].level_N[one] < level:
                return max(self.place(source, one), ROOT)
            if self.taxonomies[source].level_N[one] == level:
                return ROOT
        return ROOT

    def _may_be_under(self, taxon: int, code: int) -> bool:
        """Whether a merged taxon is not under another code than this; true of an ambiguous one."""
        return taxon < 0 or not code or self.code_M[taxon] in (0, code)

    def _is_below(self, taxon: int, above: int) -> bool:
        return above == ROOT or above in self.list_path(taxon)[1:]

    def _hash(self, taxon: int) -> int:
        return int(self.taxonomies[self.source_M[taxon]].hash_N[self.node_M[taxon]])

    def list_path(self, taxon: int) -> list[int]:
        """Returns a taxon and those above it, from the lowest, without the root."""
        path = []
        while taxon > 0:
            path.append(taxon)
            taxon = self.parent(taxon)
        return path

    def name(self, taxon: int) -> str:
        return self.taxonomies[self.source_M[taxon]].name_of(self.node_M[taxon])

    def rank(self, taxon: int) -> str:
        return LINNAEAN[self.level_M[taxon]]

    def hashes(self, taxon: int) -> list[int]:
        """Returns the hash of the name at each Linnaean rank, 0 for none."""
        hashes = [0] * (SPECIES + 1)
        for one in self.list_path(taxon):
            hashes[self.level_M[one]] = self._hash(one)
        return hashes
