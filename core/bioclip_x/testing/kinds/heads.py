"""Checks of heads. Legend: B images, C classes, T inner taxa, K best classes, r nodes of a rank."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache
from textwrap import shorten
from typing import Any

import numpy as np
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import HeadCapabilities, get_capabilities
from bioclip_x.records import HeadInput, Logits, Scores
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import TaxonomyBuilder, from_labels
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_taxonomy

TOLERANCE = 1e-4


def decide(
    subject: Subject, logits_BC: torch.Tensor, taxonomy: Taxonomy | None = None, n_best: int = 5, head: Any = None
) -> Scores:
    """Has a head, by default a new one, decide on these logits; those of inner taxa are the means of the classes below."""
    taxonomy = taxonomy or make_taxonomy()
    inner_TB = average_below(logits_BC, taxonomy)
    return _decide(head or subject.make(), Logits.of(logits_BC), inner_TB, taxonomy, n_best)


def _decide(head: Any, logits: Logits, inner_TB: torch.Tensor, taxonomy: Taxonomy, n_best: int) -> Scores:
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
    return torch.stack(possible) if possible else logits_BC.new_zeros(0, len(logits_BC))


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
    root_B = probs_BI[:, place[0]]
    assert (root_B - 1).abs().max() < TOLERANCE, f"expected the root's to be 1, got {show(root_B)}"
    for rank, nodes_r in taxonomy.rank_tables.items():
        held = place[np.unique(nodes_r)]
        total_B = probs_BI[:, held[held >= 0]].sum(1)
        assert (total_B - 1).abs().max() < TOLERANCE, (
            f"expected probabilities of rank {rank} to sum to 1, got {show(total_B)}"
        )


def check_a_taxon_has_at_least_what_is_below(subject: Subject) -> None:
    """No node is less probable than a node below it."""
    taxonomy, scores = make_taxonomy(), decide(subject, draw_logits(4))
    place, log_BI = taxonomy.place_N, scores.log_probs_BI
    for node in range(1, taxonomy.n_nodes):
        parent = int(taxonomy.parent_N[node])
        if place[node] >= 0 and place[parent] >= 0:
            less_B = log_BI[:, place[parent]] < log_BI[:, place[node]] - TOLERANCE
            above, below = log_BI[:, place[parent]].exp(), log_BI[:, place[node]].exp()
            assert not less_B.any(), (
                f"expected {taxonomy.names[parent] or 'the root'} to be at least as probable as {taxonomy.names[node]}, "
                f"{show(below)}, got {show(above)}"
            )


def check_best_classes_are_distinct(subject: Subject) -> None:
    """The best classes are distinct, and as many as asked for."""
    scores = decide(subject, draw_logits(4), n_best=3)
    top_BK, log_BK = scores.top_BK, scores.log_top_BK
    reports_sets = get_capabilities(subject.make(), HeadCapabilities).sets is not None  # of any number of classes
    shape = (4, top_BK.shape[1] if reports_sets else 3)
    assert top_BK.shape == log_BK.shape == shape, (
        f"expected top_BK and log_top_BK {shape}, got {tuple(top_BK.shape)}, {tuple(log_BK.shape)}"
    )
    assert top_BK.dtype == torch.int64 and log_BK.dtype == torch.float32, (
        f"expected int64 and float32, got {top_BK.dtype}, {log_BK.dtype}"
    )
    assert ((top_BK >= 0) & (top_BK < make_taxonomy().n_classes)).all(), (
        f"expected indices of classes, got {show(top_BK)}"
    )
    assert all(len(set(row)) == len(row) for row in top_BK.tolist()), f"expected distinct classes, got {show(top_BK)}"


def check_best_classes_have_their_probabilities(subject: Subject) -> None:
    """The log-probabilities of the best classes are those of their nodes."""
    taxonomy, scores = make_taxonomy(), decide(subject, draw_logits(4))
    log_BK = scores.log_top_BK
    node_BK = torch.from_numpy(taxonomy.leaf_node_C.astype(np.int64))[scores.top_BK]
    expected_BK = scores.log_probs_BI.gather(1, torch.from_numpy(taxonomy.place_N)[node_BK])
    assert torch.allclose(log_BK.exp(), expected_BK.exp(), atol=TOLERANCE), (
        f"expected log_top_BK as in log_probs_BI, {show(expected_BK[0])}, got {show(log_BK[0])}"
    )


def check_any_list_is_decided(subject: Subject) -> None:
    """It decides on plain labels without a tree, on one class, and where more best classes are asked for than there are."""
    for count in (1, 3):
        taxonomy = from_labels([f"label {number}" for number in range(count)])
        scores = decide(subject, torch.zeros(2, count), taxonomy, n_best=5)
        assert tuple(scores.top_BK.shape) == (2, count), (
            f"expected top_BK [2, {count}] of {count} classes, got {tuple(scores.top_BK.shape)}"
        )
        assert tuple(scores.log_probs_BI.shape) == (2, len(taxonomy.held_nodes)), (
            f"expected log_probs_BI [2, {len(taxonomy.held_nodes)}], got {tuple(scores.log_probs_BI.shape)}"
        )


def check_a_large_tree_is_decided(subject: Subject) -> None:
    """Of a tree with many classes it returns the probabilities of `held_nodes`, which the classes are not all among."""
    taxonomy = make_large_taxonomy()
    logits_BC = torch.randn(1, taxonomy.n_classes, generator=torch.Generator().manual_seed(0))
    scores = decide(subject, logits_BC, taxonomy)
    shape = (1, len(taxonomy.held_nodes))
    assert tuple(scores.log_probs_BI.shape) == shape, (
        f"expected log_probs_BI {shape} of a tree of {taxonomy.n_nodes} nodes, got {tuple(scores.log_probs_BI.shape)}"
    )
    assert scores.log_probs_BI.isfinite().all() and scores.log_top_BK.isfinite().all(), "expected numbers, got others"


def check_softmax_is_declared(subject: Subject) -> None:
    """A head that declares is_softmax, as heads do by default, returns the softmax of the logits, summed up the tree."""
    if not get_capabilities(subject.make(), HeadCapabilities).is_softmax:
        raise NotApplicable("it declares is_softmax=False")
    taxonomy, logits_BC = make_taxonomy(), draw_logits(2)
    probs_BI = decide(subject, logits_BC).log_probs_BI.double().exp()
    softmax_BC = logits_BC.double().softmax(1)
    for node, place in enumerate(taxonomy.place_N):
        expected_B = softmax_BC[:, taxonomy.leaf_start_N[node] : taxonomy.leaf_stop_N[node]].sum(1)
        found_B = probs_BI[:, place]
        assert torch.allclose(found_B, expected_B, atol=TOLERANCE), (
            f"expected {taxonomy.names[node] or 'the root'} to have the sum of the softmax, {show(expected_B)}, got "
            f"{show(found_B)}; else declare is_softmax=False"
        )


def check_declared_options_exist(subject: Subject) -> None:
    """The options that its capabilities name are among those of its constructor."""
    capabilities = get_capabilities(subject.make(), HeadCapabilities)
    named = {*filter(None, [capabilities.depth_option]), *([capabilities.sets.option] if capabilities.sets else [])}
    known = [parameter.name for parameter in subject.registry.parameters(subject.kind, subject.name)]
    assert named <= set(known), f"expected options among {known}, got {sorted(named - set(known))} in its capabilities"


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """A batch gives what its images give one by one; a batch of none gives none."""
    logits_BC = draw_logits(3)
    together = decide(subject, logits_BC)
    for row in range(3):
        assert_equal(decide(subject, logits_BC[row : row + 1]), _take(together, [row]), "alone and in a batch")
    empty = decide(subject, logits_BC[:0])
    rows = (len(empty.top_BK), len(empty.log_probs_BI))
    assert rows == (0, 0), f"expected no rows of top_BK and log_probs_BI for no images, got {rows}"


def check_parts_do_not_matter(subject: Subject) -> None:
    """Logits that are computed in parts give what they give at once."""
    taxonomy, logits_BC = make_taxonomy(), draw_logits(3)
    inner_TB = average_below(logits_BC, taxonomy)
    whole = Logits.of(logits_BC)
    expected = _decide(subject.make(), whole, inner_TB, taxonomy, 5)
    found = _decide(subject.make(), _InParts(whole.part, *logits_BC.shape), inner_TB, taxonomy, 5)
    assert_equal(found, expected, "in parts and at once")


class _InParts(Logits):
    """Logits that come in parts of two classes."""

    def chunks(self):  # type: ignore[no-untyped-def]
        for start in range(0, self.n_classes, 2):
            yield start, self.part(start, min(start + 2, self.n_classes))


def check_an_excluded_class_is_impossible(subject: Subject) -> None:
    """A class with the logit -inf has probability 0, and the others stay finite."""
    logits_BC = draw_logits(2)
    logits_BC[:, [0, 2]] = float("-inf")
    scores = decide(subject, logits_BC, n_best=make_taxonomy().n_classes)
    assert not scores.log_probs_BI.isnan().any(), "expected numbers, got NaN"
    possible = scores.log_top_BK > float("-inf")
    assert not (possible[:, 1:] & ~possible[:, :-1]).any(), f"expected -inf at the end, got {show(scores.log_top_BK)}"
    assert not torch.isin(scores.top_BK[possible], torch.tensor([0, 2])).any(), (
        f"expected no excluded class (0 or 2) among the best, got {show(scores.top_BK)}"
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
                f"expected ties by index, got {show(scores.top_BK[0])}"
            )


def check_large_logits_do_not_overflow(subject: Subject) -> None:
    """Logits of some thousands, as models with a large scale give, do not overflow."""
    scores = decide(subject, draw_logits(2) * 1000)
    assert not scores.log_probs_BI.isnan().any() and not scores.log_top_BK.isnan().any(), "expected numbers, got NaN"
    assert (scores.log_top_BK[:, 0] > float("-inf")).all(), "expected a possible winner, got log-probabilities of -inf"


def check_reported_nodes_exist(subject: Subject) -> None:
    """What it reports are nodes and ranks of the tree, from the top down; no node follows a -1; ties are counted."""
    taxonomy, scores = make_taxonomy(), decide(subject, draw_logits(4))
    known = [rank for rank in taxonomy.rank_tables if rank in scores.ranks]
    assert list(scores.ranks) == known, f"expected ranks of the tree, {known}, from the top down, got {scores.ranks}"
    if scores.reported_BK is not None:
        nodes = scores.reported_BK
        assert nodes.ndim == 2 and len(nodes) == 4 and nodes.dtype == torch.int64, (
            f"expected reported_BK to be int64 [4, k], got {nodes.dtype} {tuple(nodes.shape)}"
        )
        is_node = (nodes >= -1) & (nodes < taxonomy.n_nodes)
        assert is_node.all(), f"expected nodes of the tree, or -1, got {show(nodes)}"
        follows = (nodes[:, 1:] >= 0) & (nodes[:, :-1] < 0)
        assert not follows.any(), f"expected -1 at the end only, got {show(nodes)}"
    if scores.n_tied_B is not None:
        is_count = scores.n_tied_B.shape == (4,) and bool((scores.n_tied_B >= 1).all())
        assert is_count, f"expected n_tied_B of 1 or more for each of 4 images, got {show(scores.n_tied_B)}"


def check_a_certain_class_is_reported(subject: Subject) -> None:
    """A class that is certain is the best one, and what is reported first is its node or one above it."""
    taxonomy = make_taxonomy()
    logits_BC = 40 * torch.eye(taxonomy.n_classes)
    scores = decide(subject, logits_BC)
    best = scores.top_BK[:, 0].tolist()
    assert best == list(range(taxonomy.n_classes)), (
        f"expected each class to be the best where it is certain, got {best}"
    )
    if scores.reported_BK is not None:
        for c, node in enumerate(scores.reported_BK[:, 0].tolist()):
            is_above = node < 0 or taxonomy.leaf_start_N[node] <= c < taxonomy.leaf_stop_N[node]
            assert is_above, (
                f"expected the node of class {c} ({taxonomy.leaf_node_C[c]}) or one above it where the class is certain, got "
                f"node {node}; reported_BK has nodes, not classes"
            )


def check_it_keeps_nothing(subject: Subject) -> None:
    """Asked twice, whatever it was asked in between, it decides the same; it leaves the logits of inner taxa as they are."""
    head, taxonomy, logits_BC = subject.make(), make_taxonomy(), draw_logits(2)
    inner_TB = average_below(logits_BC, taxonomy)
    before = inner_TB.clone()
    first = _decide(head, Logits.of(logits_BC), inner_TB, taxonomy, 5)
    assert torch.equal(inner_TB, before), "expected the logits of inner taxa to be left as they are, got others"
    with suppress(NotApplicable):
        decide(subject, torch.zeros(1, 3), from_labels(["a", "b", "c"]), head=head)
    assert_equal(decide(subject, logits_BC, head=head), first, "at a second call as at the first")


@cache
def make_large_taxonomy() -> Taxonomy:
    """67,600 species of 260 genera: too many for heads to hold the probabilities of all."""
    builder = TaxonomyBuilder()
    for genus in range(260):
        for species in range(260):
            builder.add_lineage([("genus", f"G{genus}"), ("species", f"G{genus} s{species}")])
    return builder.build()


def show(x: torch.Tensor) -> str:
    """Shortens numbers for a message."""
    return shorten(str([round(one, 4) for one in x.flatten().tolist()]), 80, placeholder=" …")


def assert_equal(found: Scores, expected: Scores, when: str) -> None:
    for name in ("log_probs_BI", "log_top_BK"):
        a, b = getattr(found, name).exp(), getattr(expected, name).exp()
        assert torch.allclose(a, b, atol=1e-5), f"expected the same {name} {when}, got {show(a)} and {show(b)}"
    assert torch.equal(found.top_BK, expected.top_BK), (
        f"expected the same classes {when}, got {show(found.top_BK)} and {show(expected.top_BK)}"
    )


def _take(scores: Scores, rows: list[int]) -> Scores:
    return replace(
        scores, log_probs_BI=scores.log_probs_BI[rows], top_BK=scores.top_BK[rows], log_top_BK=scores.log_top_BK[rows]
    )
