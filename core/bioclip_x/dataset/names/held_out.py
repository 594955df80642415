"""Expands a list of species by all their synonyms, so that none is kept under another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bioclip_x.dataset.names.parsed import parse_given
from bioclip_x.dataset.names.ranked import GENUS, SPECIES, Indexed, RankedTaxonomy, load_all
from bioclip_x.taxonomy.names.normalise import normalise_name


@dataclass(frozen=True)
class ExpandedSpecies:
    """names: each listed name → all names of its species as compared (`normalise_name`), its own included.

    unknown: listed names that no taxonomy knows, and that are held out only as they are written. not_species: listed names
    that are no species, and stand for nothing else than themselves.
    """

    names: Mapping[str, frozenset[str]]
    unknown: tuple[str, ...]
    not_species: tuple[str, ...]

    @property
    def all_names(self) -> frozenset[str]:
        """All names together."""
        return frozenset(name for names in self.names.values() for name in names)


def expand_species(names: Sequence[str], taxonomies: Sequence[RankedTaxonomy]) -> ExpandedSpecies:
    """Finds in all taxonomies every accepted name and synonym of the listed species, and those of what these are in the others.

    A name that may be several species, as a homonym or a synonym of parts of two, stands for all of them: to hold out too much
    harms less than to keep what must be held out. Raises TaxonomyError.
    """
    listed = {name: frozenset(parse_given(name, "species").keys) for name in names}
    indexed = list(load_all(taxonomies, keep_synonyms=True))
    expanded = {name: _close(keys, indexed) for name, keys in listed.items()}
    unknown = tuple(name for name, (_, is_known, _) in expanded.items() if not is_known)
    not_species = tuple(name for name, (_, _, is_other) in expanded.items() if is_other)
    return ExpandedSpecies({name: one[0] for name, one in expanded.items()}, unknown, not_species)


def _close(keys: frozenset[str], taxonomies: Sequence[Indexed]) -> tuple[frozenset[str], bool, bool]:
    """Returns all names of the species of some names, whether any is known, and whether they name something else only."""
    known, pending = set(keys), list(keys)
    is_known = is_other = False
    while pending:
        key = pending.pop()
        for taxonomy in taxonomies:
            nodes = (*taxonomy.accepted.get(hash(key)), *taxonomy.synonyms.get(hash(key)))
            species = dict.fromkeys(int(taxonomy.anchor_N[node]) for node in nodes)
            is_other |= any(0 <= taxonomy.level_N[node] <= GENUS for node in species)
            for node in species:
                if taxonomy.level_N[node] == SPECIES:
                    is_known = True
                    new = _list_names(taxonomy, node) - known
                    known |= new
                    pending += new
    return frozenset(known), is_known or is_other, is_other and not is_known


def _list_names(taxonomy: Indexed, node: int) -> set[str]:
    return {normalise_name(name) for name in (taxonomy.name_of(node), *taxonomy.list_synonyms(node)) if " " in name}
