"""Finds taxa by the names that users, other files and other trees use for them.

resolver = Resolver(taxonomy)
resolver.find("Parus caeruleus L.").nodes       # the node of Cyanistes caeruleus, if the tree has this synonym
resolver.match(taxon_of_another_tree)           # by identifiers, then rank and name, then synonyms from either tree
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, repeat
from typing import Final, Literal

import numpy as np

from bioclip_x.records.taxon import Synonym, Taxon
from bioclip_x.taxonomy.details import DetailColumns, Role, as_columns, split_names
from bioclip_x.taxonomy.names.nomenclature import Code, guess_nomenclatural_code
from bioclip_x.taxonomy.names.normalise import (
    NO_IDS,
    NameIndex,
    fold_common_name,
    make_gender_variants,
    normalise_name,
)
from bioclip_x.taxonomy.names.parsing import drop_subgenus, guess_rank, split_authorship
from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import HOLE, SELF, TAXON, Taxonomy

By = Literal["", "id", "name", "synonym", "common name"]
MIN_SIMILARITY: Final = 0.7
"""Least similarity (0 to 1) of a suggested name to the unknown one; a name with the same epithet needs none."""


@dataclass(frozen=True, slots=True)
class Match:
    """The taxa that a name may refer to: none if unknown, several if ambiguous. by: the kind of name that matched."""

    name: str
    nodes: tuple[int, ...]
    by: By = ""

    @property
    def found(self) -> bool:
        return len(self.nodes) == 1


class Resolver:
    """Looks up names in one taxonomy: accepted scientific names first, then synonyms, then common names in any language.

    Homonyms are distinguished by rank, by kingdom, or by a path, its names separated by `;` or `>` ("Plantae; Oenanthe").
    A lineage only ranks the candidates and excludes none, since a family may have moved; but taxa under different
    nomenclatural codes (a plant and an animal) never match. Indexes are built lazily and per rank, so that one class in a
    tree of a million names is found in milliseconds.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._index_of_rank: dict[int, NameIndex] = {}
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
        """Finds the taxa of this name and rank whose lineage agrees best.

        name: with or without author, in any letter case, or a path. rank: taxa of this rank, or if there are none, unranked
        ones. kingdom, lineage: names of higher taxa. ids: identifiers ({"gbif": "2487879"}), which take precedence over names.
        """
        if nodes := self._find_by_ids(ids):
            return Match(name, nodes, "id")
        return self._prefer_exact(next(self._iterate_matches(name, rank, (*lineage, kingdom)), Match(name, ())))

    def match(self, taxon: Taxon) -> Match:
        """Finds a taxon of another tree by its ids, its rank and name, then by its own synonyms."""
        lineage = tuple(name for _, name in taxon.lineage[:-1])
        found = self.find(taxon.name, taxon.rank, lineage=lineage, ids=taxon.ids)
        if found.nodes:
            return found
        others = [self.find_synonym(other, taxon.rank, lineage) for other in taxon.synonyms]
        nodes = dict.fromkeys(node for other in others for node in other.nodes if other.by != "common name")
        return Match(taxon.name, tuple(nodes), "synonym" if nodes else "")

    def find_synonym(self, synonym: Synonym, rank: str, lineage: Iterable[str]) -> Match:
        """Finds a synonym of another tree's taxon by the rank at which it was published, which may not be the taxon's."""
        own = synonym.rank or guess_rank(synonym.name, rank)
        match = self.find(synonym.name, own, lineage=lineage)
        return match if match.nodes or own == rank else self.find(synonym.name, rank, lineage=lineage)

    def classes(self, name: str) -> tuple[int, ...]:
        """Returns the classes of this name: none if no taxon of this name is a class, several if it is ambiguous."""
        class_of_N = self.taxonomy.class_of_N
        return tuple(int(class_of_N[node]) for node in self.find_class(name).nodes if class_of_N[node] >= 0)

    def find_class(self, name: str, rank: str = "", *, lineage: Iterable[str] = ()) -> Match:
        """Finds the classes of this name; if no class has it, the taxa above classes that do.

        A common name may also be the name of a genus ("bison", "Asparagus"). `find` stops at the genus, since scientific
        names take precedence. Here, the one class that has the name in another way takes precedence over a taxon that is no
        class; several such classes do not.
        """
        matches = self._iterate_matches(name, rank, lineage)
        first = next(matches, Match(name, ()))
        if (classes := self._select_classes(first)).nodes or not first.nodes:
            return classes
        other = next(filter(lambda match: match.nodes, map(self._select_classes, matches)), classes)
        return other if other.found else self._prefer_exact(first)

    def near(self, name: str, rank: str = "", most: int = 3) -> tuple[str, ...]:
        """Suggests at most `most` taxa ("class Insecta") with a similar name or the same epithet, most similar first.

        Taxa of `rank`; if there are none, of any rank.
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        key = normalise_name(name.replace(">", ";").rpartition(";")[2])
        rank_id = self._find_rank_id(normalise_rank(rank))
        of_rank = [[self._get_index(rank_id)]] if rank and rank_id is not None else []
        for indexes in (*of_rank, [*self._get_indexes(), self._synonyms, self._common_names]):
            suggestions = [
                (similarity, self._format_suggestion(other, index))
                for index in indexes
                for candidates, least in ((list(index), MIN_SIMILARITY), (_find_same_epithet(key, index), 0))
                for other, similarity, _ in process.extract(
                    key, candidates, scorer=OSA.normalized_similarity, score_cutoff=least, limit=most
                )
            ]
            if suggestions:
                suggestions.sort(key=lambda one: -one[0])
                return tuple(dict.fromkeys(text for _, text in suggestions))[:most]
        return ()

    def _iterate_matches(self, name: str, rank: str, lineage: Iterable[str]) -> Iterator[Match]:
        """Yields what each kind of name matches, most reliable first; nothing for kinds without a match."""
        *above, last = _split_path(name)
        rank, hints = normalise_rank(rank), _normalise_names((*lineage, *above))
        tiers: tuple[tuple[By, Callable[[str, str], Sequence[int]]], ...] = (
            ("name", lambda key, rank: self._select_by_rank(self._find_accepted(key, rank), rank)),
            ("synonym", lambda key, rank: self._select_synonyms(key, rank)),
            ("common name", lambda key, rank: self._select_by_rank(self._common_names.get(key), rank)),
            ("synonym", lambda key, rank: self._select_by_rank(self._find_in_renamed_genus(key, rank), rank)),
            ("common name", lambda key, rank: self._select_by_rank(self._folded.get(fold_common_name(key)), rank)),
        )
        without_author = split_authorship(last, rank)[0]
        keys = map(normalise_name, (last, without_author, drop_subgenus(without_author)))
        for key in dict.fromkeys(keys):
            for by, look_up in tiers:
                if nodes := self._select_by_lineage(look_up(key, rank), hints):
                    yield Match(name, nodes, by)

    def _prefer_exact(self, match: Match) -> Match:
        """Keeps the one taxon whose name is spelt in exactly this way, if there is one."""
        last = _split_path(match.name)[-1]
        exact = tuple(node for node in match.nodes if self.taxonomy.names[node] == last)
        return replace(match, nodes=exact) if len(exact) == 1 else match

    def _select_classes(self, match: Match) -> Match:
        nodes = tuple(node for node in match.nodes if self.taxonomy.class_of_N[node] >= 0)
        return self._prefer_exact(replace(match, nodes=nodes))

    def _find_accepted(self, key: str, rank: str) -> Sequence[int]:
        if not rank:
            return [node for index in self._get_indexes() for node in index.get(key)]
        ids = [self._find_rank_id(rank), self._find_rank_id("")]
        return [node for rank_id in ids if rank_id is not None for node in self._get_index(rank_id).get(key)]

    def _find_in_renamed_genus(self, key: str, rank: str) -> list[int]:
        """Finds the same epithet in a genus that has this genus as a synonym ("parus caeruleus" in Cyanistes)."""
        genus, _, epithet = key.partition(" ")
        if not epithet:
            return []
        genera = [node for node in self._synonyms.get(genus) if self.taxonomy.rank(node) == "genus"]
        keys = [
            f"{normalise_name(self.taxonomy.names[node])} {one}"
            for node in genera
            for one in make_gender_variants(epithet)
        ]
        return [node for one in keys for node in self._find_accepted(one, rank)]

    def _select_by_rank(self, nodes: Sequence[int], rank: str) -> Sequence[int]:
        """Keeps the nodes of a rank; if there are none, the unranked ones."""
        if not rank:
            return nodes
        ranks = [self.taxonomy.rank(node) for node in nodes]
        wanted = rank if rank in ranks else ""
        return [node for node, node_rank in zip(nodes, ranks) if node_rank == wanted]

    def _select_synonyms(self, key: str, rank: str) -> Sequence[int]:
        """Returns the taxa with a synonym of a rank: that at which it was published, or that of the taxon."""
        nodes = self._synonyms.get(key)
        published = [node for node in nodes if rank and self._find_published_rank(key, node) == rank]
        return published or self._select_by_rank(nodes, rank)

    def _find_published_rank(self, key: str, node: int) -> str:
        synonyms = self.taxonomy.taxon(node).synonyms
        synonym = next((one for one in synonyms if normalise_name(one.name) == key), Synonym(key))
        return synonym.rank or guess_rank(synonym.name, self.taxonomy.rank(node))

    def _select_by_lineage(self, nodes: Sequence[int], hints: frozenset[str]) -> tuple[int, ...]:
        """Keeps the nodes whose lineage shares most names with the hints, and of these preferably those equal to them.

        Drops nodes under another nomenclatural code.
        """
        nodes = tuple(dict.fromkeys(nodes))
        if code := guess_nomenclatural_code(hints):
            nodes = tuple(node for node in nodes if self.code(node) in (code, ""))
        if not hints or len(nodes) < 2:
            return nodes
        above = [self._collect_names_above(node) for node in nodes]
        agreement = [(len(hints & names), names == hints) for names in above]
        return tuple(node for node, shared in zip(nodes, agreement) if shared == max(agreement))

    def code(self, node: int) -> Code:
        """Returns the nomenclatural code that a taxon is under, according to the names above it."""
        parent = int(self.taxonomy.parent_N[node])
        if parent not in self._code_below:
            self._code_below[parent] = guess_nomenclatural_code(self._collect_names_above(node))
        return self._code_below[parent]

    def _collect_names_above(self, node: int) -> frozenset[str]:
        taxonomy, names = self.taxonomy, set()
        while (node := int(taxonomy.parent_N[node])) > 0:
            if taxonomy.kind_N[node] not in (HOLE, SELF):
                names.add(normalise_name(taxonomy.names[node]))
        return frozenset(names)

    def _find_by_ids(self, ids: Mapping[str, str]) -> tuple[int, ...]:
        nodes = (node for scheme, value in ids.items() for node in self._ids.get(f"{scheme.casefold()}:{value}"))
        return tuple(dict.fromkeys(nodes))

    def _find_rank_id(self, rank: str) -> int | None:
        return self.taxonomy.rank_names.index(rank) if rank in self.taxonomy.rank_names else None

    def _get_indexes(self) -> Iterator[NameIndex]:
        return map(self._get_index, range(len(self.taxonomy.rank_names)))

    def _get_index(self, rank_id: int) -> NameIndex:
        """Returns the index of accepted names of one rank."""
        if rank_id not in self._index_of_rank:
            taxonomy = self.taxonomy
            nodes = np.flatnonzero((taxonomy.rank_N == rank_id) & (taxonomy.kind_N == TAXON)).tolist()
            self._index_of_rank[rank_id] = NameIndex(
                (normalise_name(form), node) for node in nodes for form in _list_forms(taxonomy.names[node])
            )
        return self._index_of_rank[rank_id]

    @cached_property
    def _synonyms(self) -> NameIndex:
        cells = self._iterate_cells("synonyms")
        return NameIndex(
            (normalise_name(one.split("\t", 1)[0]), node) for node, _, text in cells for one in split_names(text)
        )

    @cached_property
    def _common_names(self) -> NameIndex:
        return NameIndex(
            (normalise_name(name), node)
            for node, _, text in self._iterate_cells("common")
            for name in split_names(text)
        )

    @cached_property
    def _folded(self) -> NameIndex:
        """Common names and unranked names, which may be labels, as `fold_common_name` returns them."""
        unranked = np.flatnonzero((self.taxonomy.rank_N == 0) & (self.taxonomy.kind_N == TAXON)).tolist()
        labels = ((node, self.taxonomy.names[node]) for node in unranked)
        common = ((node, name) for node, _, text in self._iterate_cells("common") for name in split_names(text))
        return NameIndex((fold_common_name(name), node) for node, name in chain(labels, common))

    @cached_property
    def _ids(self) -> NameIndex:
        return NameIndex((f"{scheme.casefold()}:{value}", node) for node, scheme, value in self._iterate_cells("id"))

    @cached_property
    def _columns(self) -> DetailColumns:
        return as_columns(self.taxonomy.details)

    def _iterate_cells(self, role: Role) -> Iterator[tuple[int, str, str]]:
        """Yields (node, key of the column, text) of all details in one role."""
        for column in self._columns.columns:
            if column.role == role:
                yield from zip(column.node_n.tolist(), repeat(column.key), column.values)

    def _format_suggestion(self, key: str, index: NameIndex) -> str:
        node = index.get(key)[0]
        taxon = f"{self.taxonomy.rank(node)} {self.taxonomy.names[node]}".strip()
        return taxon if normalise_name(self.taxonomy.names[node]) == key else f"{taxon} ({key})"


def _split_path(name: str) -> list[str]:
    """Splits "Plantae; Oenanthe" or "Plantae > Oenanthe" into its names; at least one, which may be blank."""
    return [part for part in name.replace(">", ";").split(";") if part.strip()] or [""]


def _list_forms(name: str) -> Iterator[str]:
    """Yields a name and, if it names a subgenus, the name without."""
    yield name
    if "(" in name and (plain := drop_subgenus(name)) != name:
        yield plain


@lru_cache(maxsize=4096)
def _normalise_names(names: tuple[str, ...]) -> frozenset[str]:
    """Normalises the names of a lineage; cached because related taxa share lineages."""
    return frozenset(filter(None, map(normalise_name, names)))


def _find_same_epithet(key: str, index: NameIndex) -> list[str]:
    """Returns the keys with the same epithet: species are moved to other genera more often than they are renamed."""
    genus, _, epithet = key.partition(" ")
    endings = tuple(f" {one}" for one in make_gender_variants(epithet)) if genus and epithet else ()
    return [other for other in index if other.endswith(endings)] if endings else []
