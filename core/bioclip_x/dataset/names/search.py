"""Looks up given identifications in ranked taxonomies, the most exact name first, and places what is found in one tree.

Legend: R rows (identifications), K forms of a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.dataset.names.choosing import choose
from bioclip_x.dataset.names.given import FORMS, Given, Ints, Lineage
from bioclip_x.dataset.names.merged import AMBIGUOUS, MergedTree
from bioclip_x.dataset.names.name_index import HashIndex
from bioclip_x.dataset.names.ranked import CODES, GENUS, LEVELS, Indexed
from bioclip_x.messages import list_some
from bioclip_x.taxonomy.ranks import LINNAEAN

NAME, SYNONYM, COMMON, HIGHER, CORRECTION = "name", "synonym", "common name", "higher taxon", "correction"
MAX_CANDIDATES: Final = 5

Tier = tuple[str, Callable[[Indexed], HashIndex]]
_SCIENTIFIC: Final[tuple[Tier, ...]] = ((NAME, lambda one: one.accepted), (SYNONYM, lambda one: one.synonyms))
_COMMON: Final[tuple[Tier, ...]] = ((COMMON, lambda one: one.common),)


@dataclass(frozen=True, slots=True)
class Found:
    """What a row is. taxon: the merged taxon, of an ambiguous row the lowest that all candidates share, 0 for none.

    source, node: the taxonomy that resolved it, and its node. reason: of an ambiguous row, its candidates.
    """

    taxon: int
    source: int
    node: int
    by: str
    reason: str = ""


@dataclass(eq=False)
class Search:
    """Rows and what is found of them. excluded: row → why a taxon of its name was not taken."""

    given: Given
    tree: MergedTree
    found: dict[int, Found] = field(default_factory=dict)
    excluded: dict[int, str] = field(default_factory=dict)

    @property
    def taxonomies(self) -> Sequence[Indexed]:
        return self.tree.taxonomies

    def run(self) -> None:
        """Looks up the name, the column species, common names, then the taxa above, until a row is found."""
        given = self.given
        no_rank = [""] * len(given)
        self._look_up(given.name_RK, _SCIENTIFIC, given.ranks)
        self._look_up(given.species_RK, _SCIENTIFIC, ["species"] * len(given))
        self._look_up(given.folded_R[:, None], _COMMON, no_rank)
        ranks = ["" if is_open else "genus" for is_open in given.is_open_R.tolist()]
        self._look_up(given.above_R[:, None], _SCIENTIFIC, ranks, by=HIGHER)
        for level in range(GENUS, -1, -1):
            self._look_up(given.higher_R(level)[:, None], _SCIENTIFIC, [LINNAEAN[level]] * len(given), by=HIGHER)

    def _look_up(self, key_RK: Ints, tiers: Sequence[Tier], ranks: Sequence[str], *, by: str = "") -> None:
        """Looks up keys in each taxonomy in turn, for the rows that are not found yet."""
        pending = np.array(
            [row for row in np.flatnonzero(key_RK.any(axis=1)).tolist() if row not in self.found], np.int64
        )
        for source, taxonomy in enumerate(self.taxonomies):
            keys = np.unique(key_RK[pending])
            keys = keys[keys != 0]
            indexes = [(how, index(taxonomy).find(keys)) for how, index in tiers]
            known = np.array(list({key for _, index in indexes for key in index}), np.int64)
            is_known = np.isin(key_RK[pending], known).any(axis=1)
            is_found = np.zeros(len(pending), bool)
            for place in np.flatnonzero(is_known).tolist():
                row = int(pending[place])
                if found := self._find_in(source, row, key_RK[row].tolist(), indexes, ranks[row], by):
                    self.found[row] = found
                    is_found[place] = True
            pending = pending[~is_found]

    def _find_in(
        self,
        source: int,
        row: int,
        keys: Sequence[int],
        indexes: Sequence[tuple[str, dict[int, tuple[int, ...]]]],
        rank: str,
        by: str,
    ) -> Found | None:
        taxonomy = self.taxonomies[source]
        lineage = self.given.lineages[self.given.lineage_R[row]]
        for place, key in enumerate(keys):
            for how, index in indexes if key else ():
                if not (nodes := index.get(key)):
                    continue
                is_species_of = place == FORMS
                wanted = "species" if is_species_of else rank
                strict = bool(by) or how == NAME
                chosen = choose(taxonomy, nodes, wanted, lineage.code, lineage.hints, strict=strict)
                if chosen:
                    return self._place(source, chosen, HIGHER if is_species_of else by or how)
                if not by and row not in self.excluded:
                    self.excluded[row] = _explain_excluded(taxonomy, nodes[0], lineage, wanted)
        return None

    def _place(self, source: int, nodes: Sequence[int], by: str) -> Found:
        taxonomy, tree = self.taxonomies[source], self.tree
        placed = list(dict.fromkeys(tree.place(source, int(taxonomy.anchor_N[node])) for node in nodes))
        if len(placed) == 1 and placed[0] > 0:
            node = nodes[0] if len(nodes) == 1 else int(taxonomy.anchor_N[nodes[0]])
            return Found(placed[0], source, node, by)
        paths = [tree.list_path(one) if one > 0 else [] for one in placed]
        shared = next((one for one in paths[0] if all(one in path for path in paths)), 0)
        texts = [f"{format_node(taxonomy, node)} in {taxonomy.name}" for node in nodes[:MAX_CANDIDATES]]
        if placed == [AMBIGUOUS]:
            reason = f"{texts[0]} may be several taxa of a taxonomy before it"
        else:
            reason = f"may be {' or '.join(texts)}" + (" …" if len(nodes) > MAX_CANDIDATES else "")
        return Found(shared, source, 0, by, reason)


def settle_lineages(lineages: list[Lineage], taxonomies: Sequence[Indexed]) -> list[Lineage]:
    """Returns the given lineages, those without a code with that of the taxa that the taxonomies know by their names."""
    open_ones = [place for place, one in enumerate(lineages) if not one.code and any(one.keys)]
    codes = {place: one.code for place, one in enumerate(lineages)}
    for taxonomy in taxonomies:
        hints = np.unique(np.array([hint for place in open_ones for hint in lineages[place].hints], np.int64))
        found = taxonomy.accepted.find(hints)
        for place in open_ones:
            codes[place] = _find_code(taxonomy, lineages[place], found)
        open_ones = [place for place in open_ones if not codes[place]]
    return [Lineage(one.keys, codes[place]) for place, one in enumerate(lineages)]


def _find_code(taxonomy: Indexed, lineage: Lineage, found: dict[int, tuple[int, ...]]) -> int:
    for level, key in enumerate(lineage.keys):  # from kingdom down: the higher the rank, the fewer the homonyms
        nodes = [node for node in found.get(hash(key), ()) if key and taxonomy.level_N[node] == level]
        codes = {int(code) for code in taxonomy.code_N[nodes]}
        if len(codes) == 1 and (code := codes.pop()):
            return code
    return 0


def format_node(taxonomy: Indexed, node: int) -> str:
    """Formats a taxon with the lowest higher ranks: "species Aus bus (Aidae, Animalia)"."""
    path = [one for one in taxonomy.list_linnaean(node) if one != node and taxonomy.level_N[one] < GENUS]
    above = [taxonomy.name_of(one) for one in (path[:1] + path[-1:] if len(path) > 1 else path)]
    text = f"{taxonomy.rank_of(node)} {taxonomy.name_of(node)}".strip()
    return f"{text} ({', '.join(above)})" if above else text


def _explain_excluded(taxonomy: Indexed, node: int, lineage: Lineage, rank: str) -> str:
    taxon = f"{taxonomy.name} knows the name as {format_node(taxonomy, node)}"
    code = int(taxonomy.code_N[node])
    if lineage.code and code not in (0, lineage.code):
        given = list_some([key for key in lineage.keys if key][:1])
        return f"{taxon}, under the {CODES[code]} code, the given lineage ({given}) is under the {CODES[lineage.code]}"
    return f"{taxon}, not as a {rank}" if rank in LEVELS else taxon


def list_unknown(given: Given, found: dict[int, Found]) -> npt.NDArray[np.int64]:
    """Returns the rows of which no name is known, or only a taxon above a name that should name one taxon."""
    rows = (
        row
        for row in range(len(given))
        if not given.is_blank_R[row] and not given.is_open_R[row] and (row not in found or found[row].by == HIGHER)
    )
    return np.fromiter(rows, np.int64)
