"""Losses on trees against explicit tables of classes, and against sums worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import networkx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.losses.tree.formulas import (
    compute_conditionals,
    compute_cross_entropies,
    compute_hxe,
    compute_soft_label_loss,
)
from bioclip_x_plugins.losses.tree.paths import TaxonTree
from bioclip_x_plugins.losses.tree.shells import Leaves, compute_shells
from random_trees import above, classes_below, graph_of_taxa, owner, trees


def get_losses(taxonomy: Taxonomy, logits_BC: torch.Tensor, nodes: list[int], alpha: float, beta: float) -> Any:
    """name → [B], by the functions under test."""
    tree = TaxonTree(taxonomy)
    paths = tree.find_paths(torch.tensor(nodes))
    leaves = Leaves(torch.eye(taxonomy.n_classes, dtype=torch.float64))
    shells = compute_shells(logits_BC, leaves, paths.start_BR, paths.stop_BR, with_sums=True, chunk=3)
    return {
        "cross-entropy": compute_cross_entropies(shells.log_sums_BR)[:, 0],
        "hxe": compute_hxe(shells.log_sums_BR, tree.depth_N[paths.node_BR], alpha),
        "soft-labels": compute_soft_label_loss(shells, tree.distance_N[paths.node_BR], beta),
    }


def get_naive_losses(
    taxonomy: Taxonomy, logits_BC: torch.Tensor, nodes: list[int], alpha: float, beta: float
) -> dict[str, torch.Tensor]:
    """The same from a table of all classes' probabilities, the taxa as a graph, and all pairs of classes."""
    graph = graph_of_taxa(taxonomy)
    classes = [owner(taxonomy, int(leaf)) for leaf in taxonomy.leaf_node_C]
    depth = networkx.shortest_path_length(graph, 0)

    def get_height(node: int, is_class: bool) -> int:
        return 0 if is_class else max(depth[c] for c in networkx.descendants(graph, node) | {node}) - depth[node]

    def get_ancestors(node: int) -> list[int]:
        return [a for a in above(taxonomy, node) if owner(taxonomy, a) == a]

    def get_distance(one: int, other: int) -> int:
        """Height of the lowest common ancestor of two leaves' nodes."""
        lca = next(a for a in get_ancestors(one) if a in get_ancestors(other))
        return get_height(lca, is_class=False)

    leaves = taxonomy.leaf_node_C.tolist()
    table = [[0 if a == b else get_distance(a, b) for b in leaves] for a in leaves]
    largest = max(1, *map(max, table)) if len(table) > 1 else 1
    results: dict[str, list[torch.Tensor]] = {"cross-entropy": [], "hxe": [], "soft-labels": []}
    for logits_C, node in zip(logits_BC, nodes):
        label = owner(taxonomy, node)
        p_C = torch.exp(logits_C) / torch.exp(logits_C).sum()
        inside = classes_below(taxonomy, label)

        def p(n: int, p_C: torch.Tensor = p_C) -> torch.Tensor:
            return sum(p_C[c] for c in classes_below(taxonomy, n))  # type: ignore[return-value]

        results["cross-entropy"].append(-torch.log(p(label)))
        path = [a for a in get_ancestors(label) if a != 0]
        pairs = list(zip(path, [*path[1:], 0]))
        terms = [-math.exp(-alpha * depth[n]) * torch.log(p(n) / p(up)) for n, up in pairs]
        results["hxe"].append(sum(terms))  # type: ignore[arg-type]
        own = 0 if len(inside) == 1 else get_height(label, is_class=False)
        distances = [own if c in inside else get_distance(leaves[inside[0]], leaves[c]) for c in range(len(classes))]
        weights = [math.exp(-beta * d / largest) for d in distances]
        loss = -sum(weights[c] for c in inside) / sum(weights) * torch.log(p(label))
        for c, weight in enumerate(weights):
            if c not in inside:
                loss = loss - weight / sum(weights) * torch.log(p_C[c])
        results["soft-labels"].append(loss)
    return {name: torch.stack(values) for name, values in results.items()}


@settings(deadline=None, max_examples=80)
@given(trees(), st.data(), st.integers(0, 99))
def test_losses_equal_those_of_explicit_tables(taxonomy: Taxonomy, data: st.DataObject, seed: int) -> None:
    nodes = data.draw(st.lists(st.integers(1, taxonomy.n_nodes - 1), min_size=1, max_size=3))
    nodes = [node for node in nodes if owner(taxonomy, node)] or [int(taxonomy.leaf_node_C[0])]
    alpha, beta = data.draw(st.sampled_from([(0.0, 0.0), (0.4, 5.0), (1.5, 30.0)]))
    rng = torch.Generator().manual_seed(seed)
    drawn = 3 * torch.randn(len(nodes), taxonomy.n_classes, generator=rng, dtype=torch.float64)
    for name in ("cross-entropy", "hxe", "soft-labels"):
        results = []
        for compute in (get_losses, get_naive_losses):
            logits = drawn.clone().requires_grad_()
            values = compute(taxonomy, logits, nodes, alpha, beta)[name]
            values.sum().backward()
            results.append((values.detach(), logits.grad))
        torch.testing.assert_close(
            results[0], results[1], rtol=1e-6, atol=1e-7, msg=lambda m, name=name: f"{name}: {m}"
        )


@pytest.fixture
def birds() -> Taxonomy:
    """Two families; the first with two genera, of two species and one."""
    builder = TaxonomyBuilder()
    for family, genus, species in (
        ("Paridae", "Parus", "Parus major"),
        ("Paridae", "Parus", "Parus minor"),
        ("Paridae", "Cyanistes", "Cyanistes caeruleus"),
        ("Turdidae", "Turdus", "Turdus merula"),
    ):
        builder.add_lineage([("family", family), ("genus", genus), ("species", species)])
    return builder.build()


def find(taxonomy: Taxonomy, name: str) -> int:
    return next(n for n in range(taxonomy.n_nodes) if taxonomy.names[n] == name)


def test_losses_worked_out_by_hand(birds: Taxonomy) -> None:
    """Probabilities 0.4, 0.3, 0.2, 0.1; labels Parus major, the genus Parus and Turdus merula."""
    logits = torch.log(torch.tensor([[0.4, 0.3, 0.2, 0.1]] * 3, dtype=torch.float64)) + 7
    nodes = [find(birds, name) for name in ("Parus major", "Parus", "Turdus merula")]
    losses = get_losses(birds, logits, nodes, alpha=0.5, beta=3.0)
    e, log = math.exp, math.log
    assert losses["cross-entropy"].tolist() == pytest.approx([-log(0.4), -log(0.7), -log(0.1)])
    assert losses["hxe"].tolist() == pytest.approx(
        [
            -e(-0.5) * log(0.9) - e(-1) * log(0.7 / 0.9) - e(-1.5) * log(0.4 / 0.7),
            -e(-0.5) * log(0.9) - e(-1) * log(0.7 / 0.9),
            -e(-0.5) * log(0.1),
        ]
    )
    # Distances: 0 to itself, 1 within the genus, 2 within the family, 3 to the rest, of 3.
    w = [1, e(-1), e(-2), e(-3)]
    major = -(w[0] * log(0.4) + w[1] * log(0.3) + w[2] * log(0.2) + w[3] * log(0.1)) / sum(w)
    parus = -(2 * w[1] * log(0.7) + w[2] * log(0.2) + w[3] * log(0.1)) / (2 * w[1] + w[2] + w[3])
    turdus = -(w[0] * log(0.1) + w[3] * log(0.4 * 0.3 * 0.2)) / (w[0] + 3 * w[3])
    assert losses["soft-labels"].tolist() == pytest.approx([major, parus, turdus])


def test_hxe_without_discount_and_very_hard_labels_are_cross_entropy(birds: Taxonomy) -> None:
    logits = torch.tensor([[0.3, -2.0, 5.0, 1.0]] * 2, dtype=torch.float64)
    losses = get_losses(birds, logits, [find(birds, "Parus minor"), find(birds, "Paridae")], alpha=0.0, beta=1e4)
    torch.testing.assert_close(losses["hxe"], losses["cross-entropy"])
    torch.testing.assert_close(losses["soft-labels"], losses["cross-entropy"])


def test_a_missing_rank_changes_nothing() -> None:
    """A lineage without a class: its order follows the phylum, at the same depth as a class."""
    builder = TaxonomyBuilder()
    builder.add_lineage([("phylum", "P"), ("class", "C"), ("order", "O"), ("species", "c o")])
    builder.add_lineage([("phylum", "P"), ("order", "Q"), ("species", "q q")])
    builder.add_lineage([("phylum", "P"), ("order", "R"), ("species", "r r")])
    taxonomy = builder.build()
    tree = TaxonTree(taxonomy)
    [nodes] = tree.find_paths(torch.tensor([find(taxonomy, "q q")])).node_BR
    assert [taxonomy.names[n] for n in nodes] == ["q q", "Q", "P", "", ""]
    assert tree.depth_N[nodes].tolist() == [3, 2, 1, 0, 0]


def test_images_labelled_with_a_self_leaf_are_labelled_with_its_taxon() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("genus", "Quercus")])
    builder.add_lineage([("genus", "Quercus"), ("species", "Quercus robur")])
    builder.add_lineage([("genus", "Fagus"), ("species", "Fagus sylvatica")])
    taxonomy = builder.build()
    own = next(int(leaf) for leaf in taxonomy.leaf_node_C if taxonomy.owner(int(leaf)) == find(taxonomy, "Quercus"))
    logits = torch.randn(2, taxonomy.n_classes, dtype=torch.float64)
    logits[1] = logits[0]
    for values in get_losses(taxonomy, logits, [own, find(taxonomy, "Quercus")], 0.5, 3.0).values():
        assert values[0] == values[1]


def test_trees_of_one_class_and_of_one_level() -> None:
    for names in (["A a"], ["A a", "B b"]):
        builder = TaxonomyBuilder()
        for name in names:
            builder.add_lineage([("species", name)])
        taxonomy = builder.build()
        logits = torch.zeros(2, len(names), dtype=torch.float64, requires_grad=True)
        nodes = [int(taxonomy.leaf_node_C[0]), -1]
        losses = get_losses(taxonomy, logits, nodes, alpha=1.0, beta=0.0)
        paths = TaxonTree(taxonomy).find_paths(torch.tensor(nodes))
        assert paths.known_B.tolist() == [True, False]
        expected = math.log(len(names))
        assert losses["cross-entropy"][0].item() == pytest.approx(expected, abs=1e-9)
        assert losses["hxe"][0].item() == pytest.approx(math.exp(-1) * expected, abs=1e-9)
        assert losses["soft-labels"][0].item() == pytest.approx(expected, abs=1e-9)
        sum(values.sum() for values in losses.values()).backward()
        assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_a_certain_and_a_hopeless_label_are_finite_in_single_precision() -> None:
    log_sums = torch.tensor([[200.0, -1e30, -200.0], [-200.0, 5.0, 200.0]], requires_grad=True)
    values = compute_conditionals(log_sums)
    assert values.tolist() == [[0.0, 0.0], [205.0, 195.0]]
    values.sum().backward()
    assert torch.isfinite(log_sums.grad).all()
