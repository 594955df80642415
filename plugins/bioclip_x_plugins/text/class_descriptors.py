"""What a descriptor file says of each class: of the class itself and, if asked for, of the taxa above it."""

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
)

Kinds = Literal["descriptor", "background", "all"]
Inherit = Annotated[float, Field(ge=0, le=1)]
"""What each level of the tree weighs, relative to the level below it; 0 inherits nothing."""


FLAG_OPTIONS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "background": {"off": {"kinds": "descriptor"}, "on": {"kinds": "all"}, "only": {"kinds": "background"}},
    "inherit": {"on": {"inherit": 0.5}},
}
"""How the text builders that read descriptors follow --background and --inherit."""


class NothingSaid(DescriptorError):
    """There are no descriptors, or none of these classes."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is to be said of a class. kind, source, weight, taxon, rank: as the prompt's."""

    entry: Descriptor
    kind: str
    source: str
    weight: float = 1.0
    taxon: str = ""
    rank: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of one class, its own first. key: the file's name for it, "" where it has none."""

    key: str
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file lists under one name."""

    key: str
    entries: tuple[Descriptor, ...]


def find_descriptors(request: TextRequest, kinds: Kinds, inherit: float = 0.0) -> tuple[dict[int, Said], list[str]]:
    """What the request's descriptors say, by class, and notes on what was lost, doubtful or missing.

    A class that the file only names has no phrases. Raises NothingSaid without descriptors or with some that fit no
    class, DescriptorError by `missing="error"`.
    """
    descriptors, taxonomy = request.descriptors, request.taxonomy
    if descriptors is None:
        raise NothingSaid(
            "no descriptors: give --descriptors FILE (write one with `bioclip-x describe`), or use the model's own "
            "taxonomy"
        )
    listed, notes = match(descriptors, taxonomy, above=inherit > 0)
    of_kind = {
        node: Listed(one.key, tuple(entry for entry in one.entries if kinds in ("all", entry.kind)))
        for node, one in listed.items()
    }
    of_class = {c: _of_class(taxonomy, c, of_kind, inherit, descriptors.source) for c in request.classes}
    found = {c: one for c, one in of_class.items() if one.key or one.phrases}
    without = [c for c in request.classes if not of_class[c].phrases]
    if len(without) == len(request.classes):
        raise NothingSaid(f"{descriptors.source}: its classes are none of this taxonomy's")
    if without:
        names = list_some([taxonomy.class_taxon(c).name for c in without])
        message = f"{len(without)} of {len(request.classes)} classes have no descriptors: {names}"
        if request.missing == "error":
            raise DescriptorError(f"{descriptors.source}: {message}")
        notes.append(f"{message}; their names stand in")
    return found, [*descriptors.notes, *notes]


def _of_class(taxonomy: Taxonomy, class_index: int, listed: Mapping[int, Listed], inherit: float, source: str) -> Said:
    """A class's own phrases, of weight 1 each, and those of the taxa above it that it has not got itself.

    All phrases of the taxon d levels above weigh together inherit^d times what the class's own do together; where it has
    none of its own, the same goes from the lowest taxon that has some.
    """
    own = int(taxonomy.owner_N[taxonomy.leaf_node_C[class_index]])
    phrases: list[Phrase] = []
    known: set[tuple[str, str]] = set()
    lowest: tuple[int, int] | None = None  # its distance, and how many phrases it has
    for distance, node in enumerate(_upwards(taxonomy, own) if inherit else [own]):
        new = [one for one in listed[node].entries if (one.kind, one.phrase) not in known] if node in listed else []
        if not new:
            continue
        lowest = lowest or (distance, len(new))
        weight = inherit ** (distance - lowest[0]) * lowest[1] / len(new)
        taxon, rank = ("", "") if node == own else (taxonomy.names[node], taxonomy.rank(node))
        phrases += [Phrase(entry, entry.kind, source, weight, taxon, rank) for entry in new]
        known |= {(entry.kind, entry.phrase) for entry in new}
    return Said(listed[own].key if own in listed else "", tuple(phrases))


def _upwards(taxonomy: Taxonomy, node: int) -> Iterator[int]:
    """A taxon and the taxa above it. Holes are none."""
    while node > 0:
        if taxonomy.kind_N[node] == TAXON:
            yield node
        node = int(taxonomy.parent_N[node])


def match(
    descriptors: DescriptorSet, taxonomy: Taxonomy, *, above: bool = False
) -> tuple[dict[int, Listed], list[str]]:
    """Node → what is said of it, and notes on names that fit none or several. above: of other taxa than classes, too.

    Of several taxa of one name the class is meant, if one of them is.
    """
    resolver, class_of_N = Resolver(taxonomy), taxonomy.class_of_N
    found: dict[int, Listed] = {}
    lost: list[str] = []
    higher: list[str] = []
    doubtful: dict[str, list[str]] = defaultdict(list)
    for name, entries in descriptors.classes.items():
        every = resolver.find(name).nodes
        nodes = [node for node in every if class_of_N[node] >= 0] or (every if above else [])
        if not nodes:
            (higher if every else lost).append(name)
        elif len(nodes) > 1:
            doubtful[f"fit several {'taxa' if class_of_N[nodes[0]] < 0 else 'classes'}"].append(name)
        elif nodes[0] in found:
            what = "class" if class_of_N[nodes[0]] >= 0 else "taxon"
            doubtful[f"are the same {what} as {found[nodes[0]].key!r}"].append(name)
        else:
            found[nodes[0]] = Listed(name, entries)
    about = descriptors.source
    notes = [f"{about}: {len(names)} skipped that {why}: {list_some(names)}" for why, names in doubtful.items()]
    if lost:
        notes.append(f"{about}: {len(lost)} skipped that name no class of this taxonomy: {list_some(lost)}")
    if higher:
        notes.append(
            f"{about}: {len(higher)} skipped that name taxa above the classes (--inherit): {list_some(higher)}"
        )
    return found, notes
