"""Matches a list of taxa from another source (the species of a park) with the nodes of a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bioclip_x.messages import list_some
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.names.open_names import find_genus_alone, is_open_name
from bioclip_x.taxonomy.names.resolver import Match, Resolver
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import Taxonomy

MAX_SUGGESTED: Final = 5
"""Number of unknown names for which similar names are looked up."""


@dataclass(frozen=True, slots=True)
class ListMatch:
    """The result of matching a list of `n` names.

    nodes: the taxa found, each once. synonyms: names found as synonyms. of_species: infraspecific names that the tree
    lacks but whose species it has. of_genus: "Loxia sp.", matched by its genus. open: names of no single species (slashes,
    hybrids, cf., aff.). unknown, ambiguous: names that match no taxon of the tree, or several.
    suggestions: for the first unknown names, similar names in the tree.
    """

    n: int
    nodes: tuple[int, ...]
    synonyms: tuple[str, ...]
    of_species: tuple[str, ...]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]
    suggestions: Mapping[str, str] = field(default_factory=dict)
    of_genus: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    @property
    def unknown_with_suggestions(self) -> str:
        """The first unknown names, each with its suggestions."""
        return list_some(
            [f"{name} ({self.suggestions[name]}?)" if name in self.suggestions else name for name in self.unknown]
        )

    def notes(self, file: str) -> Iterator[str]:
        """Yields a line with the number of names found, and one for each group of names that needs attention."""
        n_found = self.n - len(self.unknown) - len(self.ambiguous) - len(self.open)
        yield f"{file}: {n_found} of {self.n} names found"
        for names, message, shown in (
            (self.synonyms, "found by a synonym", list_some(self.synonyms)),
            (self.of_species, "below species level, matched by their species", list_some(self.of_species)),
            (self.of_genus, "without a species, matched by their genus", list_some(self.of_genus)),
            (self.open, "name no single species (a slash, a hybrid, cf., aff.), left out", list_some(self.open)),
            (self.unknown, "not in the taxonomy", self.unknown_with_suggestions),
            (self.ambiguous, "ambiguous, left out", list_some(self.ambiguous)),
        ):
            if names:
                yield f"{file}: {len(names)} {message}: {shown}"


def match_list(resolver: Resolver, taxa: Sequence[Taxon]) -> ListMatch:
    """Finds each taxon of a list in the tree.

    A taxon that the tree lacks is matched by its species, if it is infraspecific, or by its genus, if it is "Loxia sp.".
    """
    nodes: dict[int, None] = {}
    names: dict[str, list[str]] = defaultdict(list)
    for taxon in taxa:
        found, group = match_taxon(resolver, taxon)
        nodes |= dict.fromkeys(found)
        names[group].append(taxon.name)
    similar = {name: resolver.near(name) for name in names["unknown"][:MAX_SUGGESTED]}
    return ListMatch(
        len(taxa),
        tuple(nodes),
        synonyms=tuple(names["synonym"]),
        of_species=tuple(names["species"]),
        unknown=tuple(names["unknown"]),
        ambiguous=tuple(names["ambiguous"]),
        of_genus=tuple(names["genus"]),
        open=tuple(names["open"]),
        suggestions={name: " or ".join(others) for name, others in similar.items() if others},
    )


def match_taxon(resolver: Resolver, taxon: Taxon) -> tuple[tuple[int, ...], str]:
    """Finds one taxon in the tree, as `match_list` does; returns its nodes, and how it was found or why not.

    How: "id", "name", "synonym", "common name", "species" or "genus" for what stands above it; "open" for a name of no single
    species, "unknown", and "ambiguous", of which there are no nodes.
    """
    match, group = _match_taxon_or_above(resolver, taxon)
    found = find_taxon_nodes(resolver, match)
    if not found and group != "open":
        group = "ambiguous" if match.nodes else "unknown"
    return found, group


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


def _match_taxon_or_above(resolver: Resolver, taxon: Taxon) -> tuple[Match, str]:
    """Returns the match of a taxon and how it was found; where there is none, that of its species or genus.

    How: a `Match.by`, "species", "genus", or "open" for a name of no single species, which is never matched by its first one.
    """
    match = resolver.match(taxon)
    if match.nodes:
        return match, match.by
    lineage = [name for _, name in taxon.lineage]
    if genus := find_genus_alone(taxon.name):
        return resolver.find(genus, "genus", lineage=lineage), "genus"
    if is_open_name(taxon.name):
        return match, "open"
    words = taxon.name.split()
    is_below = ORDER.get(taxon.rank, -1) > ORDER["species"] or (not taxon.rank and len(words) > 2)
    if not is_below:
        return match, "unknown"
    species = taxon.at("species") or " ".join(words[:2])
    return resolver.find(species, "species", lineage=lineage), "species"
