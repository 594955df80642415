"""Finds taxa by the names that people, other files and other trees use for them.

resolver = Resolver(taxonomy)
resolver.find("Parus caeruleus L.").nodes       # the node of Cyanistes caeruleus, if the tree knows this synonym
resolver.match(taxon_of_another_tree)           # by identifiers, then rank and name, then synonyms of either
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import repeat
from typing import Final, Literal

import numpy as np

from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.details import DetailColumns, Role, as_columns, split_names
from bioclip_x.taxonomy.names.nomenclature import Code, guess_nomenclatural_code
from bioclip_x.taxonomy.names.normalise import NO_IDS, NameIndex, make_gender_variants, normalise_name
from bioclip_x.taxonomy.names.parsing import split_authorship
from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import HOLE, SELF, TAXON, Taxonomy

By = Literal["", "id", "name", "synonym", "common name"]
NEAR: Final = 0.7
"""How alike (0 to 1) a name must be to be offered as meant; one with the same epithet need not."""


@dataclass(frozen=True, slots=True)
class Match:
    """The taxa that a name may mean: none is unknown, several are ambiguous. by: what of them it is."""

    name: str
    nodes: tuple[int, ...]
    by: By = ""

    @property
    def found(self) -> bool:
        return len(self.nodes) == 1


class Resolver:
    """Looks names up in one taxonomy: accepted scientific names first, then synonyms, then common names in any language.

    Homonyms are told apart by rank, by kingdom, or by giving the path, its names separated by `;` or `>`
    ("Plantae; Oenanthe"). What is said of a lineage ranks those that have the name and loses none of them, since a family
    may have moved; but a plant is never taken for an animal of the same name. Each index is made when it is first
    asked, of the ranks that are asked for, so that one class in a tree of a million names is found in milliseconds.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._of_rank: dict[int, NameIndex] = {}
        self._code_below: dict[int, Code] = {}

    def find(
        self,
        name: str,
        rank: str = "",
        kingdom: str = "",
        *,
        lineage: Iterable[str] = (),
        ids: Mapping[str, str] = NO_IDS,
    ) -> Match:
        """All taxa of this name, cut down by rank, and to those whose lineage agrees best.

        name: with or without author, in any letter case, or a path. rank: taxa of this rank, or, if there are none, those of
        no rank. kingdom, lineage: names above it, elsewhere. ids: identifiers ({"gbif": "2487879"}), which come before all names.
        """
        if nodes := self._with_ids(ids):
            return Match(name, nodes, "id")
        *above, last = [part for part in name.replace(">", ";").split(";") if part.strip()] or [""]
        return self._named(name, last, normalise_rank(rank), _normalised((*lineage, *above, kingdom)))

    def match(self, taxon: Taxon) -> Match:
        """The taxa here that one of another tree may be: by its ids, its rank and name, then by its own synonyms."""
        lineage = tuple(name for _, name in taxon.lineage[:-1])
        found = self.find(taxon.name, taxon.rank, lineage=lineage, ids=taxon.ids)
        if found.nodes:
            return found
        others = [self.find(other.name, taxon.rank, lineage=lineage) for other in taxon.synonyms]
        nodes = dict.fromkeys(node for other in others for node in other.nodes if other.by != "common name")
        return Match(taxon.name, tuple(nodes), "synonym" if nodes else "")

    def classes(self, name: str) -> tuple[int, ...]:
        """The classes of this name: none where no taxon of it is a class, several where it is ambiguous."""
        class_of_N = self.taxonomy.class_of_N
        return tuple(int(class_of_N[node]) for node in self.find(name).nodes if class_of_N[node] >= 0)

    def near(self, name: str, rank: str = "", most: int = 3) -> tuple[str, ...]:
        """Taxa ("class Insecta") with names like this one, or with its epithet in another genus, the likeliest first.

        Of `rank`; if there are none, of any.
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        key = normalise_name(name.replace(">", ";").rpartition(";")[2])
        rank_id = self._rank_id(normalise_rank(rank))
        indexes = [[self._index(rank_id)]] if rank and rank_id is not None else []
        for some in (*indexes, [*self._indexes(), self._synonyms, self._common_names]):
            found = [
                (likeness, self._told(key_there, index))
                for index in some
                for candidates, least in ((list(index), NEAR), (_of_epithet(key, index), 0))
                for key_there, likeness, _ in process.extract(
                    key, candidates, scorer=OSA.normalized_similarity, score_cutoff=least, limit=most
                )
            ]
            if found:
                found.sort(key=lambda one: -one[0])
                return tuple(dict.fromkeys(told for _, told in found))[:most]
        return ()

    def _named(self, name: str, last: str, rank: str, hints: frozenset[str]) -> Match:
        tiers: tuple[tuple[By, Callable[[str, str], Sequence[int]]], ...] = (
            ("name", self._scientific),
            ("synonym", lambda key, rank: self._synonyms.get(key)),
            ("common name", lambda key, rank: self._common_names.get(key)),
            ("synonym", self._in_renamed_genus),
        )
        key = normalise_name(last)
        for is_bare in (False, True):
            if is_bare and key == (key := normalise_name(split_authorship(last, rank)[0])):
                break
            for by, look in tiers:
                nodes = self._agreeing(self._at_rank(look(key, rank), rank), hints)
                if nodes:
                    spelt_so = tuple(node for node in nodes if self.taxonomy.names[node] == last)
                    return Match(name, spelt_so if len(spelt_so) == 1 else nodes, by)
        return Match(name, ())

    def _scientific(self, key: str, rank: str) -> Sequence[int]:
        if not rank:
            return [node for index in self._indexes() for node in index.get(key)]
        ids = [self._rank_id(rank), self._rank_id("")]
        return [node for rank_id in ids if rank_id is not None for node in self._index(rank_id).get(key)]

    def _in_renamed_genus(self, key: str, rank: str) -> list[int]:
        """ "parus caeruleus" where a genus of the tree has the synonym Parus: the same epithet in that genus."""
        genus, _, epithet = key.partition(" ")
        if not epithet:
            return []
        genera = [node for node in self._synonyms.get(genus) if self.taxonomy.rank(node) == "genus"]
        keys = [
            f"{normalise_name(self.taxonomy.names[node])} {one}"
            for node in genera
            for one in make_gender_variants(epithet)
        ]
        return [node for one in keys for node in self._scientific(one, rank)]

    def _at_rank(self, nodes: Sequence[int], rank: str) -> Sequence[int]:
        """Those of a rank; if there are none, those that have no rank."""
        if not rank:
            return nodes
        ranks = [self.taxonomy.rank(node) for node in nodes]
        wanted = rank if rank in ranks else ""
        return [node for node, there in zip(nodes, ranks) if there == wanted]

    def _agreeing(self, nodes: Sequence[int], hints: frozenset[str]) -> tuple[int, ...]:
        """Those whose lineage shares most names with the hints, or is just that; none under another nomenclatural code."""
        nodes = tuple(dict.fromkeys(nodes))
        if code := guess_nomenclatural_code(hints):
            nodes = tuple(node for node in nodes if self.code(node) in (code, ""))
        if not hints or len(nodes) < 2:
            return nodes
        above = [self._names_above(node) for node in nodes]
        agreement = [(len(hints & names), names == hints) for names in above]
        return tuple(node for node, shared in zip(nodes, agreement) if shared == max(agreement))

    def code(self, node: int) -> Code:
        """The nomenclatural code that a taxon is under, by the names above it."""
        parent = int(self.taxonomy.parent_N[node])
        if parent not in self._code_below:
            self._code_below[parent] = guess_nomenclatural_code(self._names_above(node))
        return self._code_below[parent]

    def _names_above(self, node: int) -> frozenset[str]:
        taxonomy, names = self.taxonomy, set()
        while (node := int(taxonomy.parent_N[node])) > 0:
            if taxonomy.kind_N[node] not in (HOLE, SELF):
                names.add(normalise_name(taxonomy.names[node]))
        return frozenset(names)

    def _with_ids(self, ids: Mapping[str, str]) -> tuple[int, ...]:
        found = (node for scheme, value in ids.items() for node in self._ids.get(f"{scheme.casefold()}:{value}"))
        return tuple(dict.fromkeys(found))

    def _rank_id(self, rank: str) -> int | None:
        return self.taxonomy.rank_names.index(rank) if rank in self.taxonomy.rank_names else None

    def _indexes(self) -> Iterator[NameIndex]:
        return map(self._index, range(len(self.taxonomy.rank_names)))

    def _index(self, rank_id: int) -> NameIndex:
        """Accepted names of one rank."""
        if rank_id not in self._of_rank:
            taxonomy = self.taxonomy
            nodes = np.flatnonzero((taxonomy.rank_N == rank_id) & (taxonomy.kind_N == TAXON)).tolist()
            self._of_rank[rank_id] = NameIndex((normalise_name(taxonomy.names[node]), node) for node in nodes)
        return self._of_rank[rank_id]

    @cached_property
    def _synonyms(self) -> NameIndex:
        cells = self._cells("synonyms")
        return NameIndex(
            (normalise_name(one.split("\t", 1)[0]), node) for node, _, text in cells for one in split_names(text)
        )

    @cached_property
    def _common_names(self) -> NameIndex:
        return NameIndex(
            (normalise_name(name), node) for node, _, text in self._cells("common") for name in split_names(text)
        )

    @cached_property
    def _ids(self) -> NameIndex:
        return NameIndex((f"{scheme.casefold()}:{value}", node) for node, scheme, value in self._cells("id"))

    @cached_property
    def _columns(self) -> DetailColumns:
        return as_columns(self.taxonomy.details)

    def _cells(self, role: Role) -> Iterator[tuple[int, str, str]]:
        """(node, key of the column, text) of all that the tree's details say in one role."""
        for column in self._columns.columns:
            if column.role == role:
                yield from zip(column.node_n.tolist(), repeat(column.key), column.values)

    def _told(self, key: str, index: NameIndex) -> str:
        node = index.get(key)[0]
        taxon = f"{self.taxonomy.rank(node)} {self.taxonomy.names[node]}".strip()
        return taxon if normalise_name(self.taxonomy.names[node]) == key else f"{taxon} ({key})"


@lru_cache(maxsize=4096)
def _normalised(names: tuple[str, ...]) -> frozenset[str]:
    """Names of a lineage as they are compared. Neighbours share theirs."""
    return frozenset(filter(None, map(normalise_name, names)))


def _of_epithet(key: str, index: NameIndex) -> list[str]:
    """The keys that end in the same epithet: species have moved to other genera more often than they were renamed."""
    genus, _, epithet = key.partition(" ")
    endings = tuple(f" {one}" for one in make_gender_variants(epithet)) if genus and epithet else ()
    return [other for other in index if other.endswith(endings)] if endings else []
