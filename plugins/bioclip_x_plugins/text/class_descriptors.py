"""Assigns the phrases of a descriptor file to classes: of the class itself and, optionally, of the taxa above it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from bioclip_x.plugin import (
    TAXON,
    Descriptor,
    DescriptorError,
    DescriptorSet,
    Resolver,
    Taxonomy,
    TextRequest,
    list_some,
    match_labels,
)

Kinds = Literal["descriptor", "background", "all"]
NEGLIGIBLE: Final = 1e-12
"""Weight, relative to a class's own descriptors, below which those of a taxon above it are left out."""
Inherit = Annotated[float, Field(ge=0, le=1)]
"""Weight of each level of the tree relative to the level below; 0 inherits nothing."""

FLAG_OPTIONS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "background": {"off": {"kinds": "descriptor"}, "on": {"kinds": "all"}, "only": {"kinds": "background"}},
    "inherit": {"on": {"inherit": 0.5}},
}
"""Options that --background and --inherit set on the text builders that read descriptors."""


class NoDescriptorsError(DescriptorError):
    """There are no descriptors, or none for the requested classes."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase about a class. kind, source, weight, taxon, rank: see `Prompt`."""

    entry: Descriptor
    kind: str
    source: str
    weight: float = 1.0
    taxon: str = ""
    rank: str = ""


@dataclass(frozen=True, slots=True)
class ClassPhrases:
    """The phrases about one class, its own first. key: its name in the file, "" if the file lacks it."""

    key: str
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class ListedDescriptors:
    """The descriptors that a file lists under one name."""

    key: str
    entries: tuple[Descriptor, ...]


def find_descriptors(
    request: TextRequest, kinds: Kinds, inherit: float = 0.0
) -> tuple[dict[int, ClassPhrases], list[str]]:
    """Returns the phrases of each class, and notes on unmatched, ambiguous and missing descriptors.

    A class listed without descriptors has no phrases.

    Raises NoDescriptorsError without descriptors, or if they match no class; DescriptorError for `missing="error"`. Of inner
    taxa, those without descriptors take their names.
    """
    descriptors, taxonomy = request.descriptors, request.taxonomy
    if descriptors is None:
        raise NoDescriptorsError(
            "no descriptors: give --descriptors FILE (write one with `bioclip-x describe`), or use the model's own "
            "taxonomy"
        )
    listed, notes = match_descriptors(descriptors, taxonomy, above=inherit > 0)
    of_kind = {
        node: ListedDescriptors(one.key, tuple(entry for entry in one.entries if kinds in ("all", entry.kind)))
        for node, one in listed.items()
    }
    phrases_of = {c: _collect_phrases(taxonomy, c, of_kind, inherit, descriptors.source) for c in request.classes}
    described = {c: one for c, one in phrases_of.items() if one.key or one.phrases}
    n_taxa = taxonomy.n_classes - taxonomy.n_beside  # labels beside the tree need no descriptors
    without = [c for c in request.classes if c < n_taxa and not phrases_of[c].phrases]
    if request.of_inner_taxa:
        return described, [_describe_sources(phrases_of, len(without))]
    if len(without) == len(request.classes):
        raise NoDescriptorsError(f"{descriptors.source}: none of its names is a class of this taxonomy")
    if without:
        names = list_some([taxonomy.class_taxon(c).name for c in without])
        message = f"{len(without)} of {len(request.classes)} classes have no descriptors: {names}"
        if request.missing == "error":
            raise DescriptorError(f"{descriptors.source}: {message}")
        notes.append(f"{message}; their names are used instead")
    return described, [*descriptors.notes, *notes]


def _describe_sources(phrases_of: Mapping[int, ClassPhrases], without: int) -> str:
    """Formats the note on what the texts of inner taxa are made of. without: how many have no phrases."""
    own = sum(any(not phrase.taxon for phrase in one.phrases) for one in phrases_of.values())
    counts = {
        "their own descriptors": own,
        "inherited descriptors": len(phrases_of) - own - without,
        "their names, for want of descriptors": without,
    }
    return "the texts are " + ", ".join(f"{what} ({n} of {len(phrases_of)})" for what, n in counts.items() if n)


def _collect_phrases(
    taxonomy: Taxonomy, class_index: int, listed: Mapping[int, ListedDescriptors], inherit: float, source: str
) -> ClassPhrases:
    """Collects a class's own phrases, with weight 1 each, and those of its ancestors that differ from them.

    The phrases of the taxon d levels above have a total weight of inherit^d times that of the class's own; if the class has
    none, that of the lowest taxon with phrases.
    """
    own = int(taxonomy.owner_N[taxonomy.leaf_node_C[class_index]])
    phrases: list[Phrase] = []
    known: set[tuple[str, str]] = set()
    lowest: tuple[int, int] | None = None  # distance and number of phrases of the lowest taxon with phrases
    for distance, node in enumerate(_iterate_upwards(taxonomy, own) if inherit else [own]):
        new = [one for one in listed[node].entries if (one.kind, one.phrase) not in known] if node in listed else []
        if not new:
            continue
        lowest = lowest or (distance, len(new))
        weight = inherit ** (distance - lowest[0]) * lowest[1] / len(new)
        if weight < NEGLIGIBLE:
            break
        taxon, rank = ("", "") if node == own else (taxonomy.names[node], taxonomy.rank(node))
        phrases += [Phrase(entry, entry.kind, source, weight, taxon, rank) for entry in new]
        known |= {(entry.kind, entry.phrase) for entry in new}
    return ClassPhrases(listed[own].key if own in listed else "", tuple(phrases))


def _iterate_upwards(taxonomy: Taxonomy, node: int) -> Iterator[int]:
    """Yields a taxon and its ancestors, holes skipped."""
    while node > 0:
        if taxonomy.kind_N[node] == TAXON:
            yield node
        node = int(taxonomy.parent_N[node])


def match_descriptors(
    descriptors: DescriptorSet, taxonomy: Taxonomy, *, above: bool = False
) -> tuple[dict[int, ListedDescriptors], list[str]]:
    """Returns node → its descriptors, and notes on names that match none or several. above: match inner taxa, too.

    A name of several taxa refers to the class, if exactly one of them is a class. The name of a genus that is also the common
    name of a class ("bison") refers to the genus, if inner taxa are matched, else to the class.
    """
    resolver, class_of_N = Resolver(taxonomy), taxonomy.class_of_N
    nodes_of = {} if above else match_labels(descriptors.classes, resolver)
    matched: dict[int, ListedDescriptors] = {}
    unmatched: list[str] = []
    higher: list[str] = []
    ambiguous: dict[str, list[str]] = defaultdict(list)
    for name, entries in descriptors.classes.items():
        candidates = resolver.find(name).nodes if above else nodes_of[name]
        nodes = [node for node in candidates if class_of_N[node] >= 0] or (candidates if above else [])
        if not nodes:
            (higher if candidates else unmatched).append(name)
        elif len(nodes) > 1:
            ambiguous[f"fit several {'taxa' if class_of_N[nodes[0]] < 0 else 'classes'}"].append(name)
        elif nodes[0] in matched:
            what = "class" if class_of_N[nodes[0]] >= 0 else "taxon"
            ambiguous[f"are the same {what} as {matched[nodes[0]].key!r}"].append(name)
        else:
            matched[nodes[0]] = ListedDescriptors(name, entries)
    file = descriptors.source
    notes = [f"{file}: {len(names)} skipped that {why}: {list_some(names)}" for why, names in ambiguous.items()]
    if unmatched:
        notes.append(f"{file}: {len(unmatched)} skipped that name no class of this taxonomy: {list_some(unmatched)}")
    if higher:
        notes.append(f"{file}: {len(higher)} skipped that name taxa above the classes (--inherit): {list_some(higher)}")
    return matched, notes
