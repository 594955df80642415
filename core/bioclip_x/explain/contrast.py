"""Selects the two taxa that an explanation compares, and the class that represents each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from bioclip_x.errors import RecipeError
from bioclip_x.prediction.comparison import select_compared
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.prediction.report import make_reported_taxon
from bioclip_x.records import Logits
from bioclip_x.taxonomy import HOLE, Taxonomy
from bioclip_x.taxonomy.names.matching import find_outermost
from bioclip_x.taxonomy.names.resolver import Resolver


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image of a batch: the head's input logits, at `row`, and the probabilities that it computed from them."""

    logits: Logits
    row: int
    probabilities: NodeProbabilities

    def logit(self, class_index: int) -> float:
        score = self.logits.exact or self.logits.part
        return float(score(class_index, class_index + 1)[0, self.row])

    def compute_rounding(self, class_index: int) -> float:
        """Returns what rounding subtracted from the class's logit, and so from its log-probability.

        0 for exact logits and for the best classes, whose exact logits are in all probabilities.
        """
        if self.logits.exact is None or class_index in self.probabilities.log_of_class:
            return 0.0
        approximate = float(self.logits.part(class_index, class_index + 1)[0, self.row])
        return self.logit(class_index) - approximate if math.isfinite(approximate) else 0.0


@dataclass(frozen=True, slots=True)
class ComparedTaxon:
    """One of the two taxa. class_index: the class that represents it.

    log_probability, log_class_probability: natural logs of the probabilities of the taxon and of that class.
    """

    node: int
    class_index: int
    log_probability: float
    log_class_probability: float


def find_asked_node(taxonomy: Taxonomy, name: str) -> int:
    """Finds the taxon that `--why-not` names.

    Raises RecipeError for an unknown name (with similar names) and for an ambiguous one (with the paths).
    """
    resolver = Resolver(taxonomy)
    nodes = find_outermost(taxonomy, resolver.find(name).nodes)
    if not nodes:
        near = resolver.near(name)
        hint = f"did you mean {', '.join(near)}?" if near else "no taxon has a similar name"
        raise RecipeError(f"why not {name!r}: there is no such taxon in {taxonomy.source or 'the taxonomy'}; {hint}")
    if len(nodes) > 1:
        paths = " or ".join(repr("; ".join(n for _, n in taxonomy.taxon(node).lineage)) for node in nodes)
        raise RecipeError(f"why not {name!r}: {len(nodes)} taxa have this name; give the path: {paths}")
    return nodes[0]


def select_compared_taxa(
    taxonomy: Taxonomy, image: ScoredImage, nodes: Sequence[int], asked: int | None
) -> tuple[list[ComparedTaxon], bool]:
    """Returns the best of the reported nodes with the taxon it is compared with, if any; and whether that is `asked`.

    The asked taxon is ignored where it is the best node or one of its ancestors. Where it lies in the best node, the best is
    represented by another class: the question is then why the prediction is not more specific.
    """
    best = nodes[0]
    is_asked = asked is not None and not _is_within(taxonomy, best, asked)
    if asked is None or not is_asked:
        compared = select_compared(taxonomy, image.probabilities, nodes)
        return [make_compared_taxon(taxonomy, image, node) for node in compared], False
    excluded = asked if _is_within(taxonomy, asked, best) else None
    return [make_compared_taxon(taxonomy, image, best, excluded), make_compared_taxon(taxonomy, image, asked)], True


def make_compared_taxon(
    taxonomy: Taxonomy, image: ScoredImage, node: int, excluded: int | None = None
) -> ComparedTaxon:
    """Makes a compared taxon with its most probable class.

    excluded: node whose classes are not considered, unless no other class of the taxon is possible.
    """
    start, stop = int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node])
    best = _find_best_class(taxonomy, image, _get_class_ranges(taxonomy, node, excluded))
    log_class = compute_log_class_probability(taxonomy, image, best)
    if excluded is not None and log_class == -math.inf:
        return make_compared_taxon(taxonomy, image, node)
    log_node = image.probabilities.log(node) if taxonomy.place_N[node] >= 0 else -math.inf
    log_node += image.compute_rounding(
        best
    )  # both then contain the exact logit, and only real classes make the difference
    if log_node == -math.inf:  # excluded, or not stored, as for the classes of large trees
        return ComparedTaxon(node, best, log_class, log_class)
    return ComparedTaxon(node, best, log_node, log_node if stop - start == 1 else min(log_class, log_node))


def compute_log_class_probability(taxonomy: Taxonomy, image: ScoredImage, class_index: int) -> float:
    """Returns the log probability of a class; -inf only where it is excluded.

    Where the head reports no probability, it is computed from the difference of the logits of this class and the best one, as
    in a softmax. Probabilities from approximate logits are corrected by the exact logit of this class.
    """
    log_probability = _get_log_probability(taxonomy, image.probabilities, class_index)
    if log_probability > -math.inf:
        return log_probability + image.compute_rounding(class_index)
    first = image.probabilities.best[0]
    return float(image.probabilities.log_of_class[first]) + image.logit(class_index) - image.logit(first)


def make_distinct_names(taxonomy: Taxonomy, compared: Sequence[ComparedTaxon]) -> list[str]:
    """Returns the names of the taxa; if equal, each with the highest ancestor in which they differ."""
    names = [_get_name(taxonomy, taxon.node) for taxon in compared]
    if len(set(names)) == len(names):
        return names
    for one, other in zip(*(make_reported_taxon(taxonomy, taxon.node).lineage for taxon in compared)):
        if one != other:
            return [f"{name} ({ancestor})" for name, (_, ancestor) in zip(names, (one, other))]
    return names


def format_class_name(taxonomy: Taxonomy, class_index: int) -> str:
    """Returns the name of a class, without building its `Taxon`."""
    return taxonomy.names[taxonomy.owner(int(taxonomy.leaf_node_C[class_index]))]


def _get_name(taxonomy: Taxonomy, node: int) -> str:
    is_hole = taxonomy.kind_N[node] == HOLE
    return make_reported_taxon(taxonomy, node).name if is_hole else taxonomy.names[taxonomy.owner(node)]


def _is_within(taxonomy: Taxonomy, node: int, other: int) -> bool:
    start_N, stop_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N
    return bool(start_N[other] <= start_N[node] and stop_N[node] <= stop_N[other])


def _get_class_ranges(taxonomy: Taxonomy, node: int, excluded: int | None) -> list[range]:
    """Returns the classes of a node, without those of a node inside it, as non-empty ranges."""
    classes = range(int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node]))
    if excluded is None:
        return [classes]
    start, stop = int(taxonomy.leaf_start_N[excluded]), int(taxonomy.leaf_stop_N[excluded])
    return [part for part in (range(classes.start, start), range(stop, classes.stop)) if part]


def _find_best_class(taxonomy: Taxonomy, image: ScoredImage, ranges: Sequence[range]) -> int:
    """Finds the most probable class of some ranges.

    Usually it is one of the best classes overall. Otherwise probabilities are compared or, where the tree does not store
    them, logits.
    """
    log_of_class = image.probabilities.log_of_class
    if inside := [c for c in image.probabilities.best if any(c in part for part in ranges)]:
        return int(max(inside, key=log_of_class.__getitem__))
    if len(ranges) == 1 and len(ranges[0]) == 1:
        return ranges[0].start
    candidates: list[tuple[float, int]] = []
    for part in ranges:
        places = taxonomy.place_N[taxonomy.leaf_node_C[part.start : part.stop]]
        if (places >= 0).all():
            values = image.probabilities.logs(places)
        else:
            values = image.logits.part(part.start, part.stop)[:, image.row].numpy()
        best = int(np.argmax(values))
        candidates.append((float(values[best]), part.start + best))
    return max(candidates, key=itemgetter(0))[1]  # of equals, the first


def _get_log_probability(taxonomy: Taxonomy, probabilities: NodeProbabilities, class_index: int) -> float:
    place = int(taxonomy.place_N[taxonomy.leaf_node_C[class_index]])
    if class_index in probabilities.log_of_class:
        return float(probabilities.log_of_class[class_index])
    return float(probabilities.logs(np.array([place]))[0]) if place >= 0 else -math.inf
