"""Checks of heads. Legend: B images, C classes, T inner taxa, K best classes, r nodes of a rank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bioclip_x.capabilities import HeadCapabilities
from bioclip_x.errors import RecipeError
from bioclip_x.records import HeadInput, Logits, Scores
from bioclip_x.registry import get_capabilities
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_taxonomy

TOLERANCE = 1e-4


def decide(subject: Subject, logits_BC: torch.Tensor, taxonomy: Taxonomy | None = None, n_best: int = 5) -> Scores:
    """Has a new head decide on these logits; those of inner taxa are the means of the classes below."""
    taxonomy = taxonomy or make_taxonomy()
    return _decide(subject, Logits.of(logits_BC), average_below(logits_BC, taxonomy), taxonomy, n_best)


def _decide(subject: Subject, logits: Logits, inner_TB: torch.Tensor, taxonomy: Taxonomy, n_best: int) -> Scores:
    head = subject.make()
    needs = get_capabilities(head, HeadCapabilities).needs_inner_taxa
    try:
        scores = head.decide(HeadInput(logits, taxonomy, n_best, inner_TB if needs else None))
    except RecipeError as problem:  # it needs what only a run has, such as a calibration
        raise NotApplicable(str(problem)) from problem
    assert isinstance(scores, Scores), f"expected decide to return Scores, got {type(scores).__name__}"
    return scores


def average_below(logits_BC: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Returns logits of the inner taxa: the means of those of the possible classes below."""
    parts = [logits_BC[:, taxonomy.leaf_start_N[node] : taxonomy.leaf_stop_N[node]] for node in taxonomy.inner_taxa]
    possible = [part.masked_fill(part.isinf(), torch.nan).nanmean(1).nan_to_num(nan=-torch.inf) for part in parts]
    return torch.stack(possible)


def draw_logits(images: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(images, make_taxonomy().n_classes, generator=torch.Generator().manual_seed(seed)) * 4


def check_log_probabilities_normalise(subject: Subject) -> None:
    """The root's log-probability is 0, and those of each rank sum to 1."""
    taxonomy, scores = make_taxonomy(), decide(subject, draw_logits(4))
    shape = (4, len(taxonomy.held_nodes))
    assert scores.log_probs_BI.shape == shape, f"expected log_probs_BI {shape}, got {tuple(scores.log_probs_BI.shape)}"
    assert scores.log_probs_BI.dtype == torch.float32, f"expected float32, got {scores.log_probs_BI.dtype}"
    probs_BI = scores.log_probs_BI.double().exp()
    assert not probs_BI.isnan().any(), "expected numbers, got NaN"
    place = taxonomy.place_N
    assert (probs_BI[:, place[0]] - 1).abs().max() < TOLERANCE, (
        f"expected the root's to be 1, got {probs_BI[:, place[0]]}"
    )
    for rank, nodes_r in taxonomy.rank_tables.items():
        held = place[np.unique(nodes_r)]
        total_B = probs_BI[:, held[held >= 0]].sum(1)
        assert (total_B - 1).abs().max() < TOLERANCE, (
            f"expected probabilities of rank {rank} to sum to 1, got {total_B.tolist()}"
        )


def check_a_taxon_has_at_least_what_is_below(subject: Subject) -> None:
    """No node is less probable than a node below it."""
    taxonomy, scores = make_taxonomy(), decide(subject, draw_logits(4))
    place, log_BI = taxonomy.place_N, scores.log_probs_BI
    for node in range(1, taxonomy.n_nodes):
        parent = int(taxonomy.parent_N[node])
        if place[node] >= 0 and place[parent] >= 0:
            less_B = log_BI[:, place[parent]] < log_BI[:, place[node]] - TOLERANCE
            assert not less_B.any(), (
                f"expected {taxonomy.names[parent] or 'the root'} to be at least as probable as {taxonomy.names[node]}"
            )


def check_best_classes_are_distinct(subject: Subject) -> None:
    """The best classes are distinct, and as many as asked for."""
    scores = decide(subject, draw_logits(4), n_best=3)
    top_BK, log_BK = scores.top_BK, scores.log_top_BK
    assert top_BK.shape == log_BK.shape == (4, 3), (
        f"expected top_BK and log_top_BK [4, 3], got {tuple(top_BK.shape)}, {tuple(log_BK.shape)}"
    )
    assert top_BK.dtype == torch.int64 and log_BK.dtype == torch.float32, (
        f"expected int64 and float32, got {top_BK.dtype}, {log_BK.dtype}"
    )
    assert ((top_BK >= 0) & (top_BK < make_taxonomy().n_classes)).all(), (
        f"expected indices of classes, got {top_BK.tolist()}"
    )
    assert all(len(set(row)) == len(row) for row in top_BK.tolist()), (
        f"expected distinct classes, got {top_BK.tolist()}"
    )


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """A batch gives what its images give one by one; a batch of none gives none."""
    logits_BC = draw_logits(3)
    together = decide(subject, logits_BC)
    for row in range(3):
        assert_equal(decide(subject, logits_BC[row : row + 1]), _take(together, [row]), "alone and in a batch")
    empty = decide(subject, logits_BC[:0])
    assert len(empty.top_BK) == len(empty.log_probs_BI) == 0, "expected no rows for no images"


def check_parts_do_not_matter(subject: Subject) -> None:
    """Logits that are computed in parts give what they give at once."""
    taxonomy, logits_BC = make_taxonomy(), draw_logits(3)
    inner_TB = average_below(logits_BC, taxonomy)
    whole = Logits.of(logits_BC)
    expected = _decide(subject, whole, inner_TB, taxonomy, 5)
    assert_equal(
        _decide(subject, _InParts(whole.part, *logits_BC.shape), inner_TB, taxonomy, 5),
        expected,
        "in parts and at once",
    )


class _InParts(Logits):
    """Logits that come in parts of two classes."""

    def chunks(self):  # type: ignore[no-untyped-def]
        for start in range(0, self.n_classes, 2):
            yield start, self.part(start, min(start + 2, self.n_classes))


def check_an_excluded_class_is_impossible(subject: Subject) -> None:
    """A class with the logit -inf has probability 0, and the others stay finite."""
    logits_BC = draw_logits(2)
    logits_BC[:, [0, 2]] = float("-inf")
    scores = decide(subject, logits_BC)
    assert not scores.log_probs_BI.isnan().any(), "expected numbers, got NaN"
    possible = scores.log_top_BK > float("-inf")
    assert not torch.isin(scores.top_BK[possible], torch.tensor([0, 2])).any(), (
        "expected no excluded class among the best"
    )
    only = torch.full((1, make_taxonomy().n_classes), float("-inf"))
    only[0, 3] = 1.0
    winner = decide(subject, only)
    assert int(winner.top_BK[0, 0]) == 3, f"expected the only possible class, 3, got {int(winner.top_BK[0, 0])}"


def check_ties_go_to_the_first_class(subject: Subject) -> None:
    """Of equally probable classes the lowest index comes first."""
    if get_capabilities(subject.make(), HeadCapabilities).needs_inner_taxa:
        raise NotApplicable("classes of equal logits may differ by the taxa above")
    scores = decide(subject, torch.zeros(1, make_taxonomy().n_classes), n_best=make_taxonomy().n_classes)
    for left, right in zip(range(scores.top_BK.shape[1] - 1), range(1, scores.top_BK.shape[1])):
        if scores.log_top_BK[0, left] == scores.log_top_BK[0, right]:
            assert scores.top_BK[0, left] < scores.top_BK[0, right], (
                f"expected ties by index, got {scores.top_BK[0].tolist()}"
            )


def check_large_logits_do_not_overflow(subject: Subject) -> None:
    """Logits of some thousands, as models with a large scale give, do not overflow."""
    scores = decide(subject, draw_logits(2) * 1000)
    assert not scores.log_probs_BI.isnan().any() and not scores.log_top_BK.isnan().any(), "expected numbers, got NaN"
    assert (scores.log_top_BK[:, 0] > float("-inf")).all(), "expected a possible winner"


def check_reported_nodes_exist(subject: Subject) -> None:
    """What it reports are nodes of the tree, and ranks of the tree."""
    taxonomy, scores = make_taxonomy(), decide(subject, draw_logits(4))
    unknown = set(scores.ranks) - set(taxonomy.rank_tables)
    assert not unknown, f"expected ranks of the tree, got {sorted(unknown)}"
    if scores.reported_BK is not None:
        nodes = scores.reported_BK
        assert nodes.ndim == 2 and len(nodes) == 4 and nodes.dtype == torch.int64, "expected reported_BK, int64 [B, k]"
        assert ((nodes >= -1) & (nodes < taxonomy.n_nodes)).all(), (
            f"expected nodes of the tree, or -1, got {nodes.tolist()}"
        )


def check_input_is_left_alone(subject: Subject) -> None:
    """It does not change the logits that it is given, and decides the same twice."""
    logits_BC = draw_logits(2)
    before = logits_BC.clone()
    first = decide(subject, logits_BC)
    assert torch.equal(logits_BC, before), "expected the logits to be left as they are"
    assert_equal(decide(subject, logits_BC), first, "at a second call")


def assert_equal(found: Scores, expected: Scores, when: str) -> None:
    for name in ("log_probs_BI", "log_top_BK"):
        a, b = getattr(found, name), getattr(expected, name)
        assert torch.allclose(a.exp(), b.exp(), atol=1e-5), (
            f"expected the same {name} {when}, got {a.tolist()} and {b.tolist()}"
        )
    assert torch.equal(found.top_BK, expected.top_BK), f"expected the same classes {when}"


def _take(scores: Scores, rows: list[int]) -> Scores:
    return replace(
        scores, log_probs_BI=scores.log_probs_BI[rows], top_BK=scores.top_BK[rows], log_top_BK=scores.log_top_BK[rows]
    )
