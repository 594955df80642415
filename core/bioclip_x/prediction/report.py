"""Makes predictions and rank winners from the scores of one image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.records import Prediction, RankWinner, Result, Step, Taxon
from bioclip_x.taxonomy import HOLE, SELF, TAXON, Taxonomy
from bioclip_x.taxonomy.ranks import ORDER

BESIDE_TREE: Final = "not in the tree"
BESIDE_LIST: Final = "not on the list"
"""Notes of a label beside the taxonomy."""
ONLY_CLASS: Final = "the only class left, which has no share"
"""Note of a prediction where no other class is possible."""


def make_prediction(taxonomy: Taxonomy, probabilities: NodeProbabilities, node: int) -> Prediction:
    """Makes the prediction of one node: its taxon, its probability, and the path to it with probabilities.

    A hole is reported as such ("no family in Plantae"), with the lineage of the taxon above it. A self leaf is reported as
    its owner with a note ("species not given"), since its probability excludes the owner's other descendants.
    """
    steps = [
        Step(taxonomy.rank(n), taxonomy.names[n], probabilities.probability(n))
        for n in taxonomy.path(node)
        if taxonomy.kind_N[n] == TAXON
    ]
    taxon, rank = make_reported_taxon(taxonomy, node), taxonomy.rank(node)
    if node in taxonomy.beside_nodes:
        note = BESIDE_TREE if taxonomy.rank_tables else BESIDE_LIST
        return Prediction(taxon, probabilities.probability(node), tuple(steps), note)
    probability = probabilities.probability(node)
    if taxonomy.kind_N[node] == SELF and not is_ordinary_species(taxonomy, node):
        note = f"{rank} not given" if rank else "no part of it given"
        return Prediction(taxon, probability, (*steps, Step("", note, probability)), note)
    return Prediction(taxon, probability, tuple(steps))


def is_ordinary_species(taxonomy: Taxonomy, node: int) -> bool:
    """Whether a self leaf stands for a species without subspecies, which lacks nothing, in a tree that has some elsewhere."""
    owner = taxonomy.owner(node)
    is_only = taxonomy.leaf_stop_N[owner] - taxonomy.leaf_start_N[owner] == 1
    return bool(is_only) and ORDER.get(taxonomy.rank(owner), -1) >= ORDER["species"]


def make_reported_taxon(taxonomy: Taxonomy, node: int) -> Taxon:
    """Returns a node's taxon in outputs; for a hole, a taxon that names the missing rank."""
    taxon, rank = taxonomy.taxon(node), taxonomy.rank(node)
    if taxonomy.kind_N[node] != HOLE:
        return taxon
    return Taxon(rank, f"no {rank} in {taxon.name}" if taxon.name else f"no {rank}", taxon.lineage)


def explain_undecided(taxonomy: Taxonomy, probabilities: NodeProbabilities) -> str:
    """Formats the refusal of an image for which the head chose the root; mentions the most probable class."""
    likeliest = max(probabilities.best, key=probabilities.log_of_class.__getitem__)
    probability = math.exp(probabilities.log_of_class[likeliest])
    name = taxonomy.class_taxon(likeliest).name
    return f"no taxon is certain enough; the likeliest class is {name}, with {probability:.1%}"


def make_rank_winners(
    taxonomy: Taxonomy, probabilities: NodeProbabilities, best: Sequence[tuple[str, int]], reported: int
) -> tuple[RankWinner, ...]:
    """Makes the winner at each rank, and flags those off the path of the reported taxon.

    They can differ from that path: the most probable family need not contain the most probable species.
    """
    winners = []
    for rank, node in best:
        inside = taxonomy.leaf_start_N[node] <= taxonomy.leaf_start_N[reported] < taxonomy.leaf_stop_N[node]
        below = taxonomy.leaf_start_N[reported] <= taxonomy.leaf_start_N[node] < taxonomy.leaf_stop_N[reported]
        taxon = taxonomy.taxon(node) if taxonomy.kind_N[node] == TAXON else None
        winners.append(RankWinner(rank, taxon, probabilities.probability(node), bool(inside or below)))
    return tuple(winners)


def describe_tie(n_tied: int, n_best: int, n_classes: int) -> str:
    """Formats the note on a best prediction to which others are equal; "" if there is none.

    n_tied: the number of equally good ones, itself included. n_best: the number of classes among which they were counted.

    >>> describe_tie(1, 16, 20), describe_tie(3, 16, 20), describe_tie(16, 16, 20)
    ('', 'tied with 2 others, first in the list', 'tied with 15 or more others, first in the list')
    """
    if n_tied < 2:
        return ""
    others = "1 other" if n_tied == 2 else f"{n_tied - 1}{' or more' * (n_tied == n_best < n_classes)} others"
    return f"tied with {others}, first in the list"


def add_tie(result: Result, tie: str) -> Result:
    """Adds the note on a tie to the best prediction."""
    if not tie or not result.predictions:
        return result
    first, *rest = result.predictions
    return replace(result, predictions=(replace(first, note=", ".join(filter(None, (first.note, tie)))), *rest))


def drop_shares(result: Result) -> Result:
    """Returns the result of an image with a single possible class without its probabilities, which are 1 whatever it shows."""
    predictions = tuple(
        replace(
            one,
            probability=math.nan,
            path=tuple(replace(step, probability=math.nan) for step in one.path),
            note=", ".join(filter(None, (one.note, ONLY_CLASS))),
        )
        for one in result.predictions
    )
    return replace(
        result, predictions=predictions, ranks=tuple(replace(one, probability=math.nan) for one in result.ranks)
    )
