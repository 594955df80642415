"""Finds taxa by the names that people and files use for them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass

from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import TAXON, Taxonomy


def normalise_name(name: str) -> str:
    """The form in which names are compared: Unicode NFKC, case folded, `_` as space, single spaces.

    >>> normalise_name("  Black_footed  ALBATROSS ")
    'black footed albatross'
    """
    return " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").casefold().split())


@dataclass(frozen=True, slots=True)
class Match:
    """The taxa that a name may mean: none is unknown, several are ambiguous."""

    name: str
    nodes: tuple[int, ...]

    @property
    def found(self) -> bool:
        return len(self.nodes) == 1


class Resolver:
    """Looks names up in one taxonomy: scientific names first, then common names in any language.

    A scientific name wins over an equal common name. Homonyms are told apart by `rank` or `kingdom`, or by giving the
    path, its names separated by `;` or `>` ("Animalia; Chordata; …").
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._scientific: dict[str, list[int]] = defaultdict(list)
        self._common: dict[str, list[int]] = defaultdict(list)
        for node in range(1, taxonomy.n_nodes):
            if taxonomy.kind_N[node] != TAXON:
                continue
            self._scientific[normalise_name(taxonomy.names[node])].append(node)
            if node in taxonomy.details:
                for names in taxonomy.details[node].common_names.values():
                    for name in names:
                        key = normalise_name(name)
                        if node not in self._common[key]:
                            self._common[key].append(node)

    def find(self, name: str, rank: str = "", kingdom: str = "") -> Match:
        """All taxa of this name, cut down by rank and kingdom where they are given."""
        *above, last = [part for part in name.replace(">", ";").split(";") if part.strip()] or [""]
        key = normalise_name(last)
        nodes = self._scientific.get(key) or self._common.get(key) or []
        if rank:
            nodes = [n for n in nodes if self.taxonomy.rank(n) == normalise_rank(rank)]
        if kingdom:
            nodes = [
                n for n in nodes if normalise_name(self.taxonomy.taxon(n).at("kingdom")) == normalise_name(kingdom)
            ]
        for ancestor in above:
            wanted = normalise_name(ancestor)
            nodes = [n for n in nodes if wanted in {normalise_name(x) for _, x in self.taxonomy.taxon(n).lineage[:-1]}]
        return Match(name, tuple(nodes))

    def classes(self, name: str) -> tuple[int, ...]:
        """The classes of this name: none where no taxon of it is a class, several where it is ambiguous."""
        class_of = self.taxonomy.class_of
        return tuple(class_of[node] for node in self.find(name).nodes if node in class_of)
