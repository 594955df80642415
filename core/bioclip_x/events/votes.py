"""The result of an event, and what each of its images had to say.

Legend: n images that take part, C classes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from bioclip_x.events.collecting import Member
from bioclip_x.events.pooling import Pooling, sum_exponentials
from bioclip_x.messages import pluralise
from bioclip_x.records import EventImage, Logits, Result
from bioclip_x.records.scores import CHUNK
from bioclip_x.taxonomy import Taxonomy


def make_event_result(members: Sequence[Member]) -> Result:
    """Makes the result of an event without predictions, with the metadata that all of its images share.

    `date` and `date_end` are those of its first and its last image.
    """
    first = members[0].result
    shared = dict(first.metadata)
    for member in members[1:]:
        shared = {name: value for name, value in shared.items() if member.result.metadata.get(name) == value}
    dates = sorted(str(one.result.metadata["date"]) for one in members if "date" in one.result.metadata)
    if dates:
        shared |= {"date": dates[0], "date_end": dates[-1]}
    name = members[0].source.event
    images = tuple(_describe(one, math.nan, None) for one in members)
    return Result(name, event=name, metadata=shared, images=images)


def refuse_event(members: Sequence[Member], left_out: Mapping[int, str]) -> Result:
    """Returns the result of an event of which no image is named: the commonest reason, or an error if every image failed.

    left_out: why each image takes no part, by position.
    """
    event = make_event_result(members)
    event = replace(event, images=tuple(replace(one, left_out=left_out[i]) for i, one in enumerate(event.images)))
    reasons = Counter(one.result.refused for one in members if one.result.refused)
    if reasons:
        [(reason, _)] = reasons.most_common(1)
        return replace(event, refused=reason)
    return replace(event, error=f"none of its {pluralise(len(members), 'image')} could be read")


def add_votes(
    event: Result,
    voters: Sequence[Member],
    nodes: Sequence[int],
    logits: Logits,
    taxonomy: Taxonomy,
    pooling: Pooling,
) -> Result:
    """Adds what each image had to say, and a note that says which one decided.

    nodes: of winner and runner-up. logits: of the n images that take part, calibrated. An image's contribution is
    (l_w - l_r) / n, with the logits of the best classes of winner and runner-up: averaged logits' margin is their sum.
    """
    log_sum_n, winner_n = _sum_below(logits, taxonomy, nodes[0])
    probabilities = (log_sum_n - sum_exponentials(logits)).exp().clamp(max=1.0).tolist()
    contributions: list[float | None] = [None] * len(voters)
    if pooling == "product" and len(nodes) > 1:
        _, runner_up_n = _sum_below(logits, taxonomy, nodes[1])
        contributions = ((winner_n - runner_up_n) / logits.n_images).tolist()
    images = tuple(map(_describe, voters, probabilities, contributions))
    return replace(event, images=images, notes=(*event.notes, *_say_who_decided(images)))


def add_left_out(event: Result, members: Sequence[Member], left_out: Mapping[int, str]) -> Result:
    """Adds the images that took no part, in the order of the event's images, and a note of their number.

    members: all of the event's. left_out: why each takes no part, by position in these.
    """
    if not left_out:
        return event
    images = [replace(_describe(members[i], math.nan, None), left_out=reason) for i, reason in left_out.items()]
    place = {(one.result.source, one.result.region_number): i for i, one in enumerate(members)}
    ordered = sorted([*event.images, *images], key=lambda one: place[one.source, one.region])
    return replace(event, images=tuple(ordered), notes=(*event.notes, f"{len(left_out)} took no part"))


def number_results(events: Sequence[Result]) -> list[Result]:
    """Numbers the results of one event, and gives those after the first names of their own."""
    n = len(events)
    return [
        replace(
            one, source=one.source if number == 0 else f"{one.source} #{number + 1}", region_number=number, n_regions=n
        )
        for number, one in enumerate(events)
    ]


def _say_who_decided(images: Sequence[EventImage]) -> list[str]:
    notes = [f"decided by {pluralise(len(images), 'image')}"]
    if len(images) > 1 and all(one.contribution is not None for one in images):
        best = max(images, key=lambda one: one.contribution or 0.0)
        total = sum(one.contribution or 0.0 for one in images)
        notes.append(f"{best.source} counts most: {best.contribution:.2f} of the margin of {total:.2f}")
    return notes


def _describe(member: Member, probability: float, contribution: float | None) -> EventImage:
    return EventImage(member.result.source, member.result.region_number, probability, contribution)


def _sum_below(logits: Logits, taxonomy: Taxonomy, node: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the log of the sum of each image's exponentials below a node, and the logits of its best class: float32 [n], [n].

    The best class is that with the largest mean over the images.
    """
    start, stop = int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node])
    step = max(256, CHUNK // logits.n_images)
    sums, best = [], []
    for first in range(start, stop, step):
        part_cn = logits.part(first, min(first + step, stop))
        sums.append(part_cn.logsumexp(0))
        best.append(part_cn[part_cn.mean(1).argmax()])
    best_kn = torch.stack(best)
    return torch.stack(sums).logsumexp(0), best_kn[best_kn.mean(1).argmax()]
