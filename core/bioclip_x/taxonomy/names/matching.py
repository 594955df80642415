"""Matches a list of taxa from another source (the species of a park) with the nodes of a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bioclip_x.messages import list_some
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.names.resolver import Match, Resolver
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import Taxonomy

MAX_SUGGESTED: Final = 5
"""Number of unknown names for which similar names are looked up."""


@dataclass(frozen=True, slots=True)
class ListMatch:
    """The result of matching a list of `n` names.

    nodes: the taxa found, each once. synonyms: names found as synonyms. of_species: infraspecific names that the tree
    lacks but whose species it has. unknown, ambiguous: names that match no taxon of the tree, or several.
    suggestions: for the first unknown names, similar names in the tree.
    """

    n: int
    nodes: tuple[int, ...]
    synonyms: tuple[str, ...]
    of_species: tuple[str, ...]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]
    suggestions: Mapping[str, str] = field(default_factory=dict)

    @property
    def unknown_with_suggestions(self) -> str:
        """The first unknown names, each with its suggestions."""
        return list_some(
            [f"{name} ({self.suggestions[name]}?)" if name in self.suggestions else name for name in self.unknown]
        )

    def notes(self, file: str) -> Iterator[str]:
        """Yields a line with the number of names found, and one for each group of names that needs attention."""
        n_found = self.n - len(self.unknown) - len(self.ambiguous)
        yield f"{file}: {n_found} of {self.n} names found"
        for names, message, shown in (
            (self.synonyms, "found by a synonym", list_some(self.synonyms)),
            (self.of_species, "below species level, matched by their species", list_some(self.of_species)),
            (self.unknown, "not in the taxonomy", self.unknown_with_suggestions),
            (self.ambiguous, "ambiguous, left out", list_some(self.ambiguous)),
        ):
            if names:
                yield f"{file}: {len(names)} {message}: {shown}"


def match_list(resolver: Resolver, taxa: Sequence[Taxon]) -> ListMatch:
    """Finds each taxon of a list in the tree; an infraspecific taxon that the tree lacks is matched by its species."""
    nodes: dict[int, None] = {}
    names: dict[str, list[str]] = defaultdict(list)
    for taxon in taxa:
        match, is_species = _match_taxon_or_species(resolver, taxon)
        found = find_taxon_nodes(resolver, match)
        nodes |= dict.fromkeys(found)
        group = "species" if found and is_species else match.by if found else "ambiguous" if match.nodes else "unknown"
        names[group].append(taxon.name)
    similar = {name: resolver.near(name) for name in names["unknown"][:MAX_SUGGESTED]}
    return ListMatch(
        len(taxa),
        tuple(nodes),
        synonyms=tuple(names["synonym"]),
        of_species=tuple(names["species"]),
        unknown=tuple(names["unknown"]),
        ambiguous=tuple(names["ambiguous"]),
        suggestions={name: " or ".join(others) for name, others in similar.items() if others},
    )


def find_taxon_nodes(resolver: Resolver, match: Match) -> tuple[int, ...]:
    """Returns the nodes of the one taxon that a name matches; none if it is unknown or may be several taxa.

    Usually this is one node. But a tree merged from several sources may have a family twice, with and without its order:
    nodes with the same accepted name and rank are one taxon if the same nomenclatural code governs them, since a code
    does not allow a name twice.
    """
    nodes = find_outermost(resolver.taxonomy, match.nodes)
    if len(nodes) < 2:
        return nodes
    taxa = {(resolver.taxonomy.rank(node), resolver.code(node)) for node in nodes}
    is_one = match.by == "name" and len(taxa) == 1 and all(code for _, code in taxa)
    return nodes if is_one else ()


def find_outermost(taxonomy: Taxonomy, nodes: Sequence[int]) -> tuple[int, ...]:
    """Returns the nodes that are not below another of them: the genus Quercus, but not its subgenus Quercus."""
    start_N, stop_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N
    kept: list[int] = []
    for node in sorted(nodes):  # in depth-first order, ancestors come first
        if not any(start_N[other] <= start_N[node] and stop_N[node] <= stop_N[other] for other in kept):
            kept.append(node)
    return tuple(kept)


def _match_taxon_or_species(resolver: Resolver, taxon: Taxon) -> tuple[Match, bool]:
    """Returns the match of a taxon; for an infraspecific taxon without one, the match of its species, and True."""
    match = resolver.match(taxon)
    words = taxon.name.split()
    is_below = ORDER.get(taxon.rank, -1) > ORDER["species"] or (not taxon.rank and len(words) > 2)
    if match.nodes or not is_below:
        return match, False
    species = taxon.at("species") or " ".join(words[:2])
    species_match = resolver.find(species, "species", lineage=[name for _, name in taxon.lineage])
    return (species_match, True) if species_match.nodes else (match, False)
