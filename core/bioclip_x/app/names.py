"""Finds taxa while their names are typed: scientific and common names of every rank."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

import numpy as np

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.labels import match_labels
from bioclip_x.taxonomy.names.normalise import fold_common_name
from bioclip_x.taxonomy.names.resolver import Resolver
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import TAXON


@dataclass(frozen=True, slots=True)
class FoundTaxon:
    """label: what names it and nothing else in the taxonomy: its name, or its path. common: a common name, "" for none."""

    label: str
    name: str
    rank: str
    common: str
    is_italic: bool


class NameSearch:
    """The names of one taxonomy, in alphabetical order. Built when it is first asked; any thread may ask."""

    def __init__(self, taxonomy: Taxonomy, language: str) -> None:
        self._taxonomy, self._language = taxonomy, language
        self._resolver = Resolver(taxonomy)
        self._lock = threading.Lock()

    def find(self, typed: str, most: int = 12) -> list[FoundTaxon]:
        """Finds taxa by a part of a name: first names that begin with it, then those with a word that does, then any."""
        wanted = fold_common_name(typed)
        if not wanted:
            return []
        with self._lock:
            nodes = list(islice(dict.fromkeys(self._iterate(wanted)), most))
            return [self._describe(node) for node in nodes]

    def resolve(self, typed: str) -> FoundTaxon | None:
        """Returns the one taxon that a label names, as data sets resolve it; None if there is none, or there are several."""
        with self._lock:
            nodes = match_labels([typed], self._resolver)[typed]
            return self._describe(nodes[0]) if len(nodes) == 1 else None

    def _iterate(self, wanted: str) -> Iterator[int]:
        keys, nodes = self._names
        start = bisect_left(keys, wanted)
        stop = bisect_left(keys, wanted + "\U0010ffff")
        # A name that is short has little besides what was typed.
        yield from (nodes[at] for at in sorted(range(start, min(stop, start + 200)), key=lambda at: len(keys[at])))
        word = f" {wanted}"
        yield from chain(
            (node for key, node in zip(keys, nodes) if word in key),
            (node for key, node in zip(keys, nodes) if wanted in key),
        )

    @cached_property
    def _names(self) -> tuple[list[str], list[int]]:
        tree = self._taxonomy
        pairs = [(fold_common_name(tree.names[node]), node) for node in np.flatnonzero(tree.kind_N == TAXON).tolist()]
        for node, details in tree.details.items():
            pairs += [(fold_common_name(name), node) for names in details.common_names.values() for name in names]
        pairs.sort()
        return [key for key, _ in pairs], [node for _, node in pairs]

    def _describe(self, node: int) -> FoundTaxon:
        taxon = self._taxonomy.taxon(node)
        is_unique = match_labels([taxon.name], self._resolver)[taxon.name] == (self._taxonomy.owner(node),)
        label = taxon.name if is_unique else "; ".join(name for _, name in taxon.lineage)
        common = taxon.common_name(self._language)
        is_italic = ORDER.get(taxon.rank, -1) >= ORDER["genus"]
        return FoundTaxon(label, taxon.name, taxon.rank, "" if common == taxon.name else common, is_italic)
