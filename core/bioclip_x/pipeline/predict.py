"""Scores of one picture → what to report of it."""

from __future__ import annotations

import math

import torch

from bioclip_x.errors import RecipeError
from bioclip_x.records import Prediction, RankWinner, Scores, Step, Taxon
from bioclip_x.taxonomy import HOLE, SELF, TAXON, Taxonomy


def candidates(taxonomy: Taxonomy, rank: str | None) -> torch.Tensor:
    """Nodes that may be reported, int64: the classes, or every node of a rank. Raises RecipeError for another rank."""
    if rank is None:
        return torch.from_numpy(taxonomy.leaf_node_C.astype("int64"))
    if rank not in taxonomy.rank_tables:
        known = ", ".join(taxonomy.rank_tables) or "none"
        raise RecipeError(f"this taxonomy has no table at rank {rank!r}; it has: {known}")
    return torch.from_numpy(taxonomy.rank_tables[rank].astype("int64"))


def top_nodes(scores: Scores, nodes: torch.Tensor, k: int) -> torch.Tensor:
    """The k best of `nodes` for each picture, best first: int64 [B, min(k, len(nodes))]."""
    best = scores.log_probs_BN[:, nodes].topk(min(k, len(nodes)), dim=1)
    return nodes[best.indices]


def prediction(taxonomy: Taxonomy, log_probs_N: torch.Tensor, node: int) -> Prediction:
    """One node as a user reads it: its taxon, its share, and the path to it with the shares up the tree.

    A hole is reported as what it is ("no family in Plantae"), with the lineage of the taxon above it. A self leaf is
    its owner with a note ("species not given"): its share is not that of the owner, which has others below it.
    """
    steps = [
        Step(taxonomy.rank(n), taxonomy.names[n], _share(log_probs_N, n))
        for n in taxonomy.path(node)
        if taxonomy.kind_N[n] == TAXON
    ]
    taxon, share, rank = reported_taxon(taxonomy, node), _share(log_probs_N, node), taxonomy.rank(node)
    if taxonomy.kind_N[node] == SELF:
        note = f"{rank} not given" if rank else "no part of it given"
        return Prediction(taxon, share, (*steps, Step("", note, share)), note)
    return Prediction(taxon, share, tuple(steps))


def reported_taxon(taxonomy: Taxonomy, node: int) -> Taxon:
    """What a node is called in outputs: its taxon, or for a hole that there is none."""
    taxon, rank = taxonomy.taxon(node), taxonomy.rank(node)
    if taxonomy.kind_N[node] != HOLE:
        return taxon
    return Taxon(rank, f"no {rank} in {taxon.name}" if taxon.name else f"no {rank}", taxon.lineage)


def rank_winners(taxonomy: Taxonomy, scores: Scores, row: int, reported: int) -> tuple[RankWinner, ...]:
    """The best node at each of the head's ranks. One that lies off the reported taxon's line is flagged.

    Per-rank winners can disagree with the winner's own path: the likeliest family need not hold the likeliest species.
    """
    winners = []
    for rank in scores.ranks:
        nodes = torch.from_numpy(taxonomy.rank_tables[rank].astype("int64"))
        log_probs = scores.log_probs_BN[row, nodes]
        best = int(nodes[log_probs.argmax()])
        inside = taxonomy.leaf_start_N[best] <= taxonomy.leaf_start_N[reported] < taxonomy.leaf_stop_N[best]
        below = taxonomy.leaf_start_N[reported] <= taxonomy.leaf_start_N[best] < taxonomy.leaf_stop_N[reported]
        taxon = taxonomy.taxon(best) if taxonomy.kind_N[best] == TAXON else None
        winners.append(RankWinner(rank, taxon, _share(scores.log_probs_BN[row], best), bool(inside or below)))
    return tuple(winners)


def _share(log_probs_N: torch.Tensor, node: int) -> float:
    return min(1.0, math.exp(float(log_probs_N[node])))
