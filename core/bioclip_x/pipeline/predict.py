"""Scores of one picture → what to report of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.records import Prediction, RankWinner, Scores, Step, Taxon
from bioclip_x.taxonomy import HOLE, SELF, TAXON, Taxonomy
from bioclip_x.taxonomy.rollup import top_rows


def candidates(taxonomy: Taxonomy, rank: str | None) -> npt.NDArray[np.int64] | None:
    """Nodes that may be reported: every node of a rank; None for the classes. Raises RecipeError for another rank."""
    if rank is None:
        return None
    if rank not in taxonomy.rank_tables:
        known = ", ".join(taxonomy.rank_tables) or "none"
        raise RecipeError(f"this taxonomy has no table at rank {rank!r}; it has: {known}")
    return taxonomy.rank_tables[rank].astype(np.int64)


def top_nodes(taxonomy: Taxonomy, scores: Scores, nodes: npt.NDArray[np.int64] | None, k: int) -> list[list[int]]:
    """The nodes to report for each picture, at most k, best first: those that the head chose, else the best of `nodes`.

    nodes: None for the classes.
    """
    if scores.reported_BK is not None:
        return [[node for node in row if node >= 0][:k] for row in scores.reported_BK.tolist()]
    if nodes is None or taxonomy.place_N[nodes[0]] < 0:  # a rank of which no node is held is that of the classes
        best_BK = taxonomy.leaf_node_C[scores.top_BK[:, :k].numpy()]
    else:
        log_probs_nB = scores.log_probs_BI.T.index_select(0, torch.from_numpy(taxonomy.place_N[nodes]))
        best_BK = nodes[top_rows(log_probs_nB, min(k, len(nodes))).numpy()]
    found: list[list[int]] = best_BK.tolist()
    return found


class Shares:
    """The log-shares of one picture, by node: of the held nodes and of the best classes."""

    def __init__(self, taxonomy: Taxonomy, scores: Scores, row: int) -> None:
        self._taxonomy = taxonomy
        self._log_probs_I = scores.log_probs_BI[row]
        self.best = scores.top_BK[row].tolist()
        self.log_of_class = dict(zip(self.best, scores.log_top_BK[row].tolist()))

    def log(self, node: int) -> float:
        place = int(self._taxonomy.place_N[node])
        if place >= 0:
            return float(self._log_probs_I[place])
        return float(self.log_of_class[int(self._taxonomy.leaf_start_N[node])])

    def share(self, node: int) -> float:
        return min(1.0, math.exp(self.log(node)))

    def logs(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Of held nodes, by their places among them."""
        found: npt.NDArray[np.float32] = self._log_probs_I[torch.from_numpy(places)].numpy()
        return found


def prediction(taxonomy: Taxonomy, shares: Shares, node: int) -> Prediction:
    """One node as a user reads it: its taxon, its share, and the path to it with the shares up the tree.

    A hole is reported as what it is ("no family in Plantae"), with the lineage of the taxon above it. A self leaf is
    its owner with a note ("species not given"): its share is not that of the owner, which has others below it.
    """
    steps = [
        Step(taxonomy.rank(n), taxonomy.names[n], shares.share(n))
        for n in taxonomy.path(node)
        if taxonomy.kind_N[n] == TAXON
    ]
    taxon, share, rank = reported_taxon(taxonomy, node), shares.share(node), taxonomy.rank(node)
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


def undecided(taxonomy: Taxonomy, shares: Shares) -> str:
    """Why a picture is not named whose head chose the root: the likeliest class is said all the same."""
    likeliest = max(shares.best, key=shares.log_of_class.__getitem__)
    share = math.exp(shares.log_of_class[likeliest])
    return (
        f"no taxon is certain enough; the likeliest class is {taxonomy.class_taxon(likeliest).name}, with {share:.1%}"
    )


def compared(taxonomy: Taxonomy, shares: Shares, nodes: Sequence[int]) -> list[int]:
    """The best of the reported nodes and what it is held against: the second best, or else the best class outside it.

    Where all of the best classes lie in it, that is the taxon beside it, or beside one above it, with the largest share.
    """
    if len(nodes) > 1:
        return list(nodes[:2])
    start, stop = taxonomy.leaf_start_N[nodes[0]], taxonomy.leaf_stop_N[nodes[0]]
    possible = (c for c in shares.best if shares.log_of_class[c] > -math.inf)
    outside = (int(taxonomy.leaf_node_C[c]) for c in possible if not start <= c < stop)
    return [nodes[0], *islice(chain(outside, _beside(taxonomy, shares, nodes[0])), 1)]


def _beside(taxonomy: Taxonomy, shares: Shares, node: int) -> Iterator[int]:
    """The likeliest sibling of a node, then of the nodes above it; such as are possible and held."""
    while node > 0:
        parent = int(taxonomy.parent_N[node])
        siblings = np.array([one for one in taxonomy.children(parent) if one != node], np.int64)
        siblings = siblings[taxonomy.place_N[siblings] >= 0]
        if len(siblings):
            logs = shares.logs(taxonomy.place_N[siblings])
            if logs.max() > -math.inf:
                yield int(siblings[logs.argmax()])
        node = parent


def best_at_ranks(taxonomy: Taxonomy, scores: Scores) -> list[tuple[str, list[int]]]:
    """The best node of each picture at each of the head's ranks: (rank, B nodes)."""
    return [
        (rank, [row[0] for row in top_nodes(taxonomy, _free(scores), taxonomy.rank_tables[rank].astype(np.int64), 1)])
        for rank in scores.ranks
    ]


def _free(scores: Scores) -> Scores:
    return Scores(scores.log_probs_BI, scores.top_BK, scores.log_top_BK)


def rank_winners(
    taxonomy: Taxonomy, shares: Shares, best: Sequence[tuple[str, int]], reported: int
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
