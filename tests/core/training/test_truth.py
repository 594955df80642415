"""Which texts apply to which images, against a walk up the tree."""

from __future__ import annotations

import random
from unittest import mock

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training import truth as module
from bioclip_x.training.truth import Truth, make_text_id, make_tree_tensors
from random_trees import trees

CPU = torch.device("cpu")


def walk(taxonomy: Taxonomy, node: int, owners: set[int]) -> tuple[bool, bool]:
    """Whether a text about `owners` applies to an image of `node`, and whether that is known."""
    if node < 0:
        return False, True
    up = {node, *taxonomy.path(node)}
    right = bool(up & owners)
    below = any(node in taxonomy.path(owner)[:-1] for owner in owners)
    return right, right or not below


@settings(deadline=None, max_examples=40)
@given(trees(), st.randoms(use_true_random=False))
def test_matches_are_those_of_a_walk_up_the_tree(taxonomy: Taxonomy, draw: random.Random) -> None:
    owners = {
        f"text {i}": {draw.randrange(1, taxonomy.n_nodes) for _ in range(draw.choice([1, 1, 1, 3]))} for i in range(30)
    }
    pairs = [(text, node) for text, nodes in owners.items() for node in nodes]
    nodes = [draw.randrange(taxonomy.n_nodes) or -1 for _ in range(20)]
    own = [[f"own {i % 3}", f"text {i}"] if i % 2 else ["", ""] for i in range(20)]
    own_ids = torch.tensor([[make_text_id(text) if text else -1 for text in texts] for texts in own])
    texts = [*draw.sample(sorted(owners), 20), "own 1", "nobody's"]
    text_ids = torch.tensor([make_text_id(text) for text in texts])
    with mock.patch.object(module, "MOST_CELLS", 60):  # several parts
        right_BT, known_BT = Truth(pairs, make_tree_tensors(taxonomy, CPU)).match(
            torch.tensor(nodes), own_ids, text_ids
        )
    for b, node in enumerate(nodes):
        for t, text in enumerate(texts):
            right, known = walk(taxonomy, node, owners.get(text, set()))
            is_own = text in own[b]
            assert (bool(right_BT[b, t]), bool(known_BT[b, t])) == (right or is_own, known or is_own), (node, text)


@settings(deadline=None, max_examples=20)
@given(trees())
def test_ranges_of_nodes_are_the_nodes_below(taxonomy: Taxonomy) -> None:
    stop_N = make_tree_tensors(taxonomy, CPU).node_stop_N
    for node in range(1, taxonomy.n_nodes):
        below = [other for other in range(taxonomy.n_nodes) if node in taxonomy.path(other)]
        assert below == list(range(node, int(stop_N[node])))


def test_ids_are_the_same_everywhere_and_fit_in_63_bits() -> None:
    assert make_text_id("a photo of Parus major") == 5558974325852948388
    assert all(0 <= make_text_id(str(i)) < 2**63 for i in range(1000))
    assert len({make_text_id(str(i)) for i in range(10_000)}) == 10_000


def test_texts_that_belong_to_no_taxon_are_nobodys() -> None:
    taxonomy = from_labels(["a", "b"])
    truth = Truth([], make_tree_tensors(taxonomy, CPU))
    right_BT, known_BT = truth.match(torch.tensor([1]), torch.empty(1, 0, dtype=torch.int64), torch.tensor([5]))
    assert not right_BT.any() and known_BT.all()
