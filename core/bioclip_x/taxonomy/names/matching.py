"""A list of taxa that somebody else wrote (the species of a park) → the nodes of a tree."""

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

TOLD: Final = 5
"""Names lost for which one that may be meant is looked for."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of a list of `n` names.

    nodes: the taxa found, each once. synonyms: names found as synonyms. of_species: subspecies and the like that the
    tree lacks and whose species it has. lost, ambiguous: names that are no taxon of the tree, or may be several.
    meant: for the first of those lost, the taxa most alike.
    """

    n: int
    nodes: tuple[int, ...]
    synonyms: tuple[str, ...]
    of_species: tuple[str, ...]
    lost: tuple[str, ...]
    ambiguous: tuple[str, ...]
    meant: Mapping[str, str] = field(default_factory=dict)

    @property
    def lost_and_meant(self) -> str:
        """The first names lost, each with what may be meant."""
        return list_some([f"{name} ({self.meant[name]}?)" if name in self.meant else name for name in self.lost])

    def notes(self, file: str) -> Iterator[str]:
        """A line on how many were found, and one for each thing that went otherwise."""
        found = self.n - len(self.lost) - len(self.ambiguous)
        yield f"{file}: {found} of {self.n} names found"
        for names, what, told in (
            (self.synonyms, "found by a synonym", list_some(self.synonyms)),
            (self.of_species, "below species stand for their species", list_some(self.of_species)),
            (self.lost, "are no taxon of the taxonomy", self.lost_and_meant),
            (self.ambiguous, "may be several taxa, left out", list_some(self.ambiguous)),
        ):
            if names:
                yield f"{file}: {len(names)} {what}: {told}"


def match_list(resolver: Resolver, taxa: Sequence[Taxon]) -> Listed:
    """Finds each taxon of a list; one below species that the tree lacks stands for its species."""
    nodes: dict[int, None] = {}
    names: dict[str, list[str]] = defaultdict(list)
    for taxon in taxa:
        match, is_above = _species_or_above(resolver, taxon)
        found = find_places(resolver, match)
        nodes |= dict.fromkeys(found)
        what = "species" if found and is_above else match.by if found else "ambiguous" if match.nodes else "lost"
        names[what].append(taxon.name)
    near = {name: resolver.near(name) for name in names["lost"][:TOLD]}
    return Listed(
        len(taxa),
        tuple(nodes),
        synonyms=tuple(names["synonym"]),
        of_species=tuple(names["species"]),
        lost=tuple(names["lost"]),
        ambiguous=tuple(names["ambiguous"]),
        meant={name: " or ".join(meant) for name, meant in near.items() if meant},
    )


def find_places(resolver: Resolver, match: Match) -> tuple[int, ...]:
    """Where the one taxon of a name stands; nowhere if it is unknown, or may be several taxa.

    One place is the rule. But trees that were put together have a family twice, with and without its order: two places of
    one accepted name and rank are one taxon where one nomenclatural code governs both, since it gives a name but once.
    """
    nodes = find_outermost(resolver.taxonomy, match.nodes)
    if len(nodes) < 2:
        return nodes
    taxa = {(resolver.taxonomy.rank(node), resolver.code(node)) for node in nodes}
    is_one = match.by == "name" and len(taxa) == 1 and all(code for _, code in taxa)
    return nodes if is_one else ()


def find_outermost(taxonomy: Taxonomy, nodes: Sequence[int]) -> tuple[int, ...]:
    """Nodes that lie below no other of them: the genus Quercus, and not its subgenus Quercus."""
    start_N, stop_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N
    kept: list[int] = []
    for node in sorted(nodes):  # depth first: whatever holds a node comes before it
        if not any(start_N[other] <= start_N[node] and stop_N[node] <= stop_N[other] for other in kept):
            kept.append(node)
    return tuple(kept)


def _species_or_above(resolver: Resolver, taxon: Taxon) -> tuple[Match, bool]:
    """The match of a taxon, else, for one below species, that of its species (and True)."""
    match = resolver.match(taxon)
    words = taxon.name.split()
    is_below = ORDER.get(taxon.rank, -1) > ORDER["species"] or (not taxon.rank and len(words) > 2)
    if match.nodes or not is_below:
        return match, False
    species = taxon.at("species") or " ".join(words[:2])
    above = resolver.find(species, "species", lineage=[name for _, name in taxon.lineage])
    return (above, True) if above.nodes else (match, False)
