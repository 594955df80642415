"""level-restricted and himulcon against loops over ranks, images and texts, in values and gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.errors import TrainingError
from bioclip_x.records.training import LossInput
from bioclip_x.taxonomy import TAXON
from bioclip_x_plugins.losses.himulcon import HiMulCon, constrain_levels
from bioclip_x_plugins.losses.level_restricted import LevelRestricted
from bioclip_x_plugins.losses.ranks import choose_ranks, find_taxon_at_ranks
from bioclip_x_plugins.losses.unicl import UniCl
from plugins.losses.batches import NODES, RANKS, TREE, Whole, make_mixed_batch
from plugins.losses.cases import prepare
from plugins.losses.test_contrastive import average, compare, differentiate, naive_softmax, score

LABELS = sorted(NODES.values())
SELF = int(TREE.leaf_node_C[TREE.class_of_N[NODES["Corvus"]]])
"""The leaf of the class Corvus, a genus with a species."""


def find_taxon(node: int, rank: str) -> int | None:
    """The taxon of a rank at or above a node, step by step."""
    while node > 0:
        if TREE.kind_N[node] == TAXON and TREE.rank(node) == rank:
            return node
        node = int(TREE.parent_N[node])
    return None


def naive_level_restricted(batch: LossInput, ranks: Sequence[str] = RANKS) -> torch.Tensor:
    losses = []
    subjects = batch.text_node_T.tolist()
    labels = batch.node_B.tolist()
    for rank in ranks:
        texts = [t for t, node in enumerate(subjects) if node >= 0 and find_taxon(node, rank) == TREE.owner(node)]
        images = [i for i, node in enumerate(labels) if find_taxon(node, rank) is not None]
        scores = [[score(batch, batch.image_BD[i], batch.text_TD[t]) for t in texts] for i in images]
        right = [[find_taxon(labels[i], rank) == TREE.owner(subjects[t]) for t in texts] for i in images]
        rows = [naive_softmax(s, r, [True] * len(texts)) for s, r in zip(scores, right)]
        columns = [naive_softmax([*s], [*r], [True] * len(images)) for s, r in zip(zip(*scores), zip(*right))]
        if any(row is not None for row in rows):
            both = [average([x for x in terms if x is not None]) for terms in (rows, columns)]
            losses.append((both[0] + both[1]) / 2)
    return average(losses) + 0 * batch.image_BD.sum()


@pytest.mark.parametrize("bias", [None, -3.0])
@pytest.mark.parametrize("ranks", [None, ["species", "genus"], ["family"]])
def test_level_restricted_is_the_mean_over_ranks(bias: float | None, ranks: list[str] | None) -> None:
    compare(
        make_mixed_batch(bias=bias),
        prepare(LevelRestricted(ranks=ranks)),
        lambda batch: naive_level_restricted(batch, ranks or RANKS),
    )


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([-1, SELF, *LABELS]), min_size=1, max_size=7), st.data())
def test_level_restricted_of_any_labels_and_texts(nodes: list[int], data: st.DataObject) -> None:
    texts = st.sampled_from([*NODES, "a photo of Parus", "a bird with a black cap", "bill: black"])
    drawn = data.draw(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=len(nodes), max_size=len(nodes)))
    compare(Whole(nodes, drawn, seed=len(nodes)), prepare(LevelRestricted()), naive_level_restricted)


def test_one_rank_is_unicl_and_ranks_do_not_compete() -> None:
    names = ["Parus major", "Parus minor", "Apis mellifera"]
    nodes = [NODES[name] for name in names]
    loss = prepare(LevelRestricted())
    compare(Whole(nodes, [[name] for name in names]), loss, UniCl())
    # A perfect model of species and genera. In UniCL's one softmax, an image's two names compete as well.
    genera = ["Parus", "Parus", "Apis"]
    whole = Whole(nodes, [[name, genus] for name, genus in zip(names, genera)], scale=1000.0, width=5)
    with torch.no_grad():
        species, genus = torch.eye(5)[:3], torch.eye(5)[[3, 3, 4]]
        whole.parameters["images"].copy_(species + genus)
        whole.parameters["texts"].copy_(torch.stack([species[0], genus[0], species[1], species[2], genus[2]]))
    value = float(differentiate(whole, loss)["loss"])
    # Only the genus Parus has two images, so that from texts to images its least value is log 2; of two names of genera, one.
    assert value == pytest.approx(math.log(2) / 2 / 2 / 2, abs=1e-6)
    assert float(differentiate(whole, UniCl())["loss"]) == pytest.approx(math.log(2) * (1 + 1 / 5) / 2, abs=1e-6)


def test_an_image_labelled_above_a_rank_takes_no_part_in_it() -> None:
    names = ["Parus major", "Parus minor", "Apis mellifera"]
    nodes = [NODES[name] for name in names]
    with_genus = Whole([*nodes, NODES["Parus"]], [[name] for name in [*names, "Parus major"]])
    found = differentiate(with_genus, prepare(LevelRestricted(ranks=["species"])))
    assert not found["images"][3].any() and found["images"][:3].any()


def naive_himulcon(batch: LossInput, ranks: Sequence[str] = RANKS, temperature: float = 0.07) -> torch.Tensor:
    """Level by level from the species up, one image of each taxon going on to the next level."""
    labels = [{rank: find_taxon(node, rank) for rank in ranks} for node in batch.node_B.tolist()]
    kept, worst, total = list(range(len(labels))), None, 0 * batch.image_BD.sum()
    for level, rank in enumerate(reversed(ranks), start=1):
        members = [i for i in kept if labels[i][rank] is not None]
        terms = []
        for i in members:
            others = [a for a in members if a != i]
            similarity = {a: batch.image_BD[i] @ batch.image_BD[a] / temperature for a in others}
            positives = [similarity[a] for a in others if labels[a][rank] == labels[i][rank]]
            if positives:
                normaliser = torch.stack([*similarity.values()]).logsumexp(0)
                terms.append(average([normaliser - p for p in positives]))
        if terms:
            loss = average(terms)
            worst = loss if worst is None or loss > worst else worst
            total = total + math.exp(1 / level) * worst
        seen: set[int | None] = set()
        following = []
        for i in kept:
            if labels[i][rank] is None or labels[i][rank] not in seen:
                following.append(i)
            seen.add(labels[i][rank])
        kept = following
    return total / len(ranks)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ranks", [None, ["species", "family"]])
def test_himulcon_is_the_loop_over_levels(seed: int, ranks: list[str] | None) -> None:
    ordered = [rank for rank in RANKS if rank in (ranks or RANKS)]
    whole = make_mixed_batch(seed)
    compare(whole, prepare(HiMulCon(ranks=ranks)), lambda batch: naive_himulcon(batch, ordered))
    compare(whole, prepare(HiMulCon(ranks=ranks, temperature=2.0)), lambda b: naive_himulcon(b, ordered, 2.0))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([-1, SELF, *LABELS]), min_size=1, max_size=10), st.integers(0, 9))
def test_himulcon_of_any_labels(nodes: list[int], seed: int) -> None:
    whole = Whole(nodes, [["a text"]] * len(nodes), seed=seed)
    compare(whole, prepare(HiMulCon(temperature=0.5)), naive_himulcon_warm)


def naive_himulcon_warm(batch: LossInput) -> torch.Tensor:
    return naive_himulcon(batch, temperature=0.5)


def test_a_coarser_level_is_never_below_a_finer_one() -> None:
    """Levels from the top: family 0.5, genus without a pair, species 2. By hand: ⅓ · (e · 2 + exp(1/3) · 2)."""
    part = torch.tensor([0.5, 7.0, 2.0], requires_grad=True)
    value = constrain_levels(part, part.detach(), torch.tensor([True, False, True]))
    value.backward()
    expected = (math.e + math.exp(1 / 3)) / 3
    assert float(value.detach()) == pytest.approx(2 * expected)
    assert part.grad is not None and part.grad.tolist() == pytest.approx([0, 0, expected])
    # Where the coarser level is worse, it counts itself.
    value = constrain_levels(part, torch.tensor([3.0, 0, 2.0]), torch.tensor([True, False, True]))
    assert float(value.detach()) == pytest.approx((math.e * 2 + math.exp(1 / 3) * 0.5) / 3)


def test_taxa_at_ranks() -> None:
    ranks = choose_ranks(TREE, ["species", "family", "genus", "species"])
    assert ranks == ["family", "genus", "species"]
    assert choose_ranks(TREE, None) == list(RANKS)
    taxon_RN, own_rank_N = find_taxon_at_ranks(TREE, ranks)
    for node in range(TREE.n_nodes):
        expected = [find_taxon(node, rank) for rank in ("family", "genus", "species")]
        assert taxon_RN[:, node].tolist() == [-1 if taxon is None else taxon for taxon in expected]
    assert own_rank_N[NODES["Parus"]] == own_rank_N[SELF] == 1 and own_rank_N[NODES["Aves"]] == -1
    assert own_rank_N[0] == -1


def test_ranks_that_do_not_exist_are_named() -> None:
    with pytest.raises(TrainingError, match=r"no taxon of rank 'order'; its ranks are class, family, genus, species"):
        LevelRestricted(ranks=["order"]).prepare(TREE, 4, TREE.n_classes)
