"""Collects the results of an event's images until its last one has arrived."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bioclip_x.records import Result, Source

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False, slots=True)
class Member:
    """The result of one image, or region, of an event. embedding_D: float32 [D]; None if it was not embedded."""

    source: Source
    result: Result
    embedding_D: torch.Tensor | None


@dataclass(eq=False, slots=True)
class EventCollector:
    """The open events of one run. Of an image, its embedding and names are kept: logits are computed again in the end."""

    _open: dict[str, list[Member]] = field(default_factory=dict)

    def add(self, member: Member) -> list[Member] | None:
        """Adds a result; returns all of its event's, in order, if it is the last, else None."""
        name = member.source.event
        if not name:
            return None
        members = self._open.setdefault(name, [])
        members.append(replace(member, result=replace(member.result, thumbnail=None, explanation=None)))
        if member.source.last_of_event and member.result.is_last_of_image:
            return self._open.pop(name)
        return None


def find_voters(members: Sequence[Member], beside: Collection[str]) -> tuple[list[Member], dict[int, str]]:
    """Returns the members that take part in the decision, and why the others, by position, do not.

    Images that failed or were refused take no part, nor do those whose best answer stands beside the tree, such as blank or
    vehicle, unless all are of that kind: a burst in which the animal has left is no blank. beside: the labels beside the tree.
    """
    left_out: dict[int, str] = {}
    seen: set[tuple[str, int]] = set()
    outside: dict[int, str] = {}
    for number, member in enumerate(members):
        result = member.result
        if (result.source, result.region_number) in seen:
            left_out[number] = "it is there twice"
        elif not result.predictions:
            left_out[number] = result.error or result.refused
        elif (taxon := result.predictions[0].taxon).name in beside and not taxon.rank:
            outside[number] = taxon.name
        seen.add((result.source, result.region_number))
    if len(left_out) + len(outside) < len(members):
        left_out |= outside
    return [one for number, one in enumerate(members) if number not in left_out], left_out


def group_voters(voters: Sequence[Member]) -> list[list[Member]]:
    """Groups the images that take part by what they show: each group is one decision on the event.

    All are one group, as long as no image shows several organisms. Else those of one individual are a group, if the detector
    tells individuals, and regions with the same best taxon: averaging those of two species would name a third.
    """
    if len({one.source.name for one in voters}) == len(voters):  # a person beside an animal takes no part
        return [list(voters)]
    groups: dict[tuple[str, ...], list[Member]] = {}
    for one in voters:
        region = one.result.region
        taxon = one.result.predictions[0].taxon
        is_individual = region is not None and region.individual
        key = (
            ("individual", region.individual)
            if region and is_individual
            else (taxon.rank, taxon.name, *map(str, taxon.lineage))
        )
        groups.setdefault(key, []).append(one)
    return list(groups.values())
