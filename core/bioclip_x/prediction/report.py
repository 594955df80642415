"""Scores of one image → what to report of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.records import Prediction, RankWinner, Step, Taxon
from bioclip_x.taxonomy import HOLE, SELF, TAXON, Taxonomy


def make_prediction(taxonomy: Taxonomy, shares: NodeProbabilities, node: int) -> Prediction:
    """One node as a user reads it: its taxon, its share, and the path to it with the shares up the tree.

    A hole is reported as what it is ("no family in Plantae"), with the lineage of the taxon above it. A self leaf is
    its owner with a note ("species not given"): its share is not that of the owner, which has others below it.
    """
    steps = [
        Step(taxonomy.rank(n), taxonomy.names[n], shares.share(n))
        for n in taxonomy.path(node)
        if taxonomy.kind_N[n] == TAXON
    ]
    taxon, share, rank = make_reported_taxon(taxonomy, node), shares.share(node), taxonomy.rank(node)
    if taxonomy.kind_N[node] == SELF:
        note = f"{rank} not given" if rank else "no part of it given"
        return Prediction(taxon, share, (*steps, Step("", note, share)), note)
    return Prediction(taxon, share, tuple(steps))


def make_reported_taxon(taxonomy: Taxonomy, node: int) -> Taxon:
    """What a node is called in outputs: its taxon, or for a hole that there is none."""
    taxon, rank = taxonomy.taxon(node), taxonomy.rank(node)
    if taxonomy.kind_N[node] != HOLE:
        return taxon
    return Taxon(rank, f"no {rank} in {taxon.name}" if taxon.name else f"no {rank}", taxon.lineage)


def explain_undecided(taxonomy: Taxonomy, shares: NodeProbabilities) -> str:
    """Why an image is not named whose head chose the root: the likeliest class is said all the same."""
    likeliest = max(shares.best, key=shares.log_of_class.__getitem__)
    share = math.exp(shares.log_of_class[likeliest])
    return (
        f"no taxon is certain enough; the likeliest class is {taxonomy.class_taxon(likeliest).name}, with {share:.1%}"
    )


def make_rank_winners(
    taxonomy: Taxonomy, shares: NodeProbabilities, best: Sequence[tuple[str, int]], reported: int
) -> tuple[RankWinner, ...]:
    """The best node at each rank as users read it. One that lies off the reported taxon's line is flagged.

    Per-rank winners can disagree with the winner's own path: the likeliest family need not hold the likeliest species.
    """
    winners = []
    for rank, node in best:
        inside = taxonomy.leaf_start_N[node] <= taxonomy.leaf_start_N[reported] < taxonomy.leaf_stop_N[node]
        below = taxonomy.leaf_start_N[reported] <= taxonomy.leaf_start_N[node] < taxonomy.leaf_stop_N[reported]
        taxon = taxonomy.taxon(node) if taxonomy.kind_N[node] == TAXON else None
        winners.append(RankWinner(rank, taxon, shares.share(node), bool(inside or below)))
    return tuple(winners)
