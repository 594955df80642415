"""The two taxa that an explanation holds against each other, in the terms of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bioclip_x.errors import RecipeError
from bioclip_x.prediction.comparison import select_compared
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.prediction.report import reported_taxon
from bioclip_x.records import Logits
from bioclip_x.taxonomy import HOLE, Taxonomy
from bioclip_x.taxonomy.names.matching import outermost
from bioclip_x.taxonomy.names.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Scored:
    """One picture of a batch: the logits that the head got, at `row`, and the log-shares that it made of them."""

    logits: Logits
    row: int
    shares: NodeProbabilities

    def logit(self, class_index: int) -> float:
        score = self.logits.exact or self.logits.part
        return float(score(class_index, class_index + 1)[0, self.row])


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two taxa. best: the class that stands for it. log_share, log_of_best: natural logs of their shares."""

    node: int
    best: int
    log_share: float
    log_of_best: float


def asked_node(taxonomy: Taxonomy, name: str) -> int:
    """The taxon asked about. Raises RecipeError for a name of none (with those most alike) or several (with their paths)."""
    resolver = Resolver(taxonomy)
    nodes = outermost(taxonomy, resolver.find(name).nodes)
    if not nodes:
        near = resolver.near(name)
        meant = f"did you mean {', '.join(near)}?" if near else "nothing in it is called alike"
        raise RecipeError(f"why not {name!r}: there is no such taxon in {taxonomy.source or 'the taxonomy'}; {meant}")
    if len(nodes) > 1:
        paths = " or ".join(repr("; ".join(n for _, n in taxonomy.taxon(node).lineage)) for node in nodes)
        raise RecipeError(f"why not {name!r}: this may be {len(nodes)} taxa; write its path: {paths}")
    return nodes[0]


def two_sides(taxonomy: Taxonomy, scored: Scored, nodes: Sequence[int], asked: int | None) -> tuple[list[Side], bool]:
    """The best of the reported nodes and what it is held against, if there is anything; and whether that was asked for.

    What was asked for is left aside where the best is that taxon, or lies in it. Where it lies in the best, another class
    stands for the best: the question is then why not more exactly so.
    """
    best = nodes[0]
    is_asked = asked is not None and not _is_within(taxonomy, best, asked)
    if asked is None or not is_asked:
        return [side(taxonomy, scored, node) for node in select_compared(taxonomy, scored.shares, nodes)], False
    aside = asked if _is_within(taxonomy, asked, best) else None
    return [side(taxonomy, scored, best, aside), side(taxonomy, scored, asked)], True


def side(taxonomy: Taxonomy, scored: Scored, node: int, aside: int | None = None) -> Side:
    """A node and its likeliest class; with `aside`, the likeliest that does not lie in that node."""
    start, stop = int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node])
    best = _best_class(taxonomy, scored, _classes(taxonomy, node, aside))
    log_of_best = log_of_class(taxonomy, scored, best)
    held = scored.shares.log(node) if taxonomy.place_N[node] >= 0 else -math.inf
    if held == -math.inf:  # not held, as classes of large trees, or too small for a float
        return Side(node, best, log_of_best, log_of_best)
    return Side(node, best, held, held if stop - start == 1 else min(log_of_best, held))


def log_of_class(taxonomy: Taxonomy, scored: Scored, class_index: int) -> float:
    """The log-share of a class; -inf only where it is excluded.

    Of a tree that holds no classes, and has not got this one among the best, and where a share is smaller than a float can
    tell: by how much its logit is below the best one's, as a softmax has it.
    """
    found = _known_log(taxonomy, scored.shares, class_index)
    if found > -math.inf:
        return found
    first = scored.shares.best[0]
    return float(scored.shares.log_of_class[first]) + scored.logit(class_index) - scored.logit(first)


def names_apart(taxonomy: Taxonomy, sides: Sequence[Side]) -> list[str]:
    """Their names; of two that have the same, each with the highest ancestor that tells them apart."""
    names = [_name(taxonomy, one.node) for one in sides]
    if len(set(names)) == len(names):
        return names
    for one, other in zip(*(reported_taxon(taxonomy, side.node).lineage for side in sides)):
        if one != other:
            return [f"{name} ({ancestor})" for name, (_, ancestor) in zip(names, (one, other))]
    return names


def class_name(taxonomy: Taxonomy, class_index: int) -> str:
    """What the class is called, without the cost of its whole taxon."""
    return taxonomy.names[taxonomy.owner(int(taxonomy.leaf_node_C[class_index]))]


def _name(taxonomy: Taxonomy, node: int) -> str:
    is_hole = taxonomy.kind_N[node] == HOLE
    return reported_taxon(taxonomy, node).name if is_hole else taxonomy.names[taxonomy.owner(node)]


def _is_within(taxonomy: Taxonomy, node: int, other: int) -> bool:
    start_N, stop_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N
    return bool(start_N[other] <= start_N[node] and stop_N[node] <= stop_N[other])


def _classes(taxonomy: Taxonomy, node: int, aside: int | None) -> list[range]:
    """The classes of a node, without those of another inside it, as ranges of one or more."""
    whole = range(int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node]))
    if aside is None:
        return [whole]
    first, last = int(taxonomy.leaf_start_N[aside]), int(taxonomy.leaf_stop_N[aside])
    return [part for part in (range(whole.start, first), range(last, whole.stop)) if part]


def _best_class(taxonomy: Taxonomy, scored: Scored, ranges: Sequence[range]) -> int:
    """The likeliest class of some ranges. That one of the best of all is among them is the rule; else their shares are
    looked at, or where a tree does not hold those, they are scored again."""
    log_of_class = scored.shares.log_of_class
    if inside := [c for c in scored.shares.best if any(c in part for part in ranges)]:
        return int(max(inside, key=log_of_class.__getitem__))
    if len(ranges) == 1 and len(ranges[0]) == 1:
        return ranges[0].start
    found: list[tuple[float, int]] = []
    for part in ranges:
        places = taxonomy.place_N[taxonomy.leaf_node_C[part.start : part.stop]]
        if (places >= 0).all():
            values = scored.shares.logs(places)
        else:
            values = scored.logits.part(part.start, part.stop)[:, scored.row].numpy()
        place = int(np.argmax(values))
        found.append((float(values[place]), part.start + place))
    return max(found)[1]


def _known_log(taxonomy: Taxonomy, shares: NodeProbabilities, class_index: int) -> float:
    place = int(taxonomy.place_N[taxonomy.leaf_node_C[class_index]])
    if class_index in shares.log_of_class:
        return float(shares.log_of_class[class_index])
    return float(shares.logs(np.array([place]))[0]) if place >= 0 else -math.inf
