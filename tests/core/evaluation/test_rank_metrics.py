"""Accuracy at every rank, held against a walk up the tree from each label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.correctness import compare_with_truth
from bioclip_x.evaluation.predictions import ImagePredictions
from bioclip_x.evaluation.rank_metrics import (
    compute_metrics,
    find_rows,
    is_smaller_better,
    list_metrics,
    name_class_rank,
    stack,
    unstack,
)
from bioclip_x.taxonomy import TAXON, Taxonomy, TaxonomyBuilder
from random_trees import trees


def predict(classes: list[list[int]], at: dict[str, list[int]], tree: Taxonomy) -> ImagePredictions:
    best_nk = np.full((len(classes), 5), -1)
    for row, best in enumerate(classes):
        best_nk[row, : len(best)] = tree.leaf_node_C[best]
    return ImagePredictions(best_nk, {rank: np.array(nodes) for rank, nodes in at.items()})


def is_class(node: int, tree: Taxonomy) -> bool:
    return node in tree.owner_N[tree.leaf_node_C]


@given(trees(), st.data())
def test_an_image_counts_at_the_rank_of_its_label_and_above(tree: Taxonomy, data: st.DataObject) -> None:
    taxa = [node for node in range(tree.n_nodes) if tree.kind_N[node] == TAXON]
    labels = data.draw(st.lists(st.sampled_from(taxa), min_size=1, max_size=6))
    classes = [data.draw(st.permutations(range(tree.n_classes)))[:5] for _ in labels]
    at = {
        rank: [int(data.draw(st.sampled_from(nodes.tolist()))) for _ in labels]
        for rank, nodes in tree.rank_tables.items()
    }
    found = compare_with_truth(predict(classes, at, tree), np.array(labels), tree)
    for row, label in enumerate(labels):
        best = [tree.owner(int(tree.leaf_node_C[c])) for c in classes[row]]
        expected = [int(best[0] == label), int(label in best)] if is_class(label, tree) else [-1, -1]
        assert [found.right_n[row], found.among_n[row]] == expected
        lineage = {tree.rank(node): node for node in tree.path(label) if tree.kind_N[node] == TAXON}
        for rank in tree.rank_tables:
            right = int(at[rank][row] == lineage[rank]) if rank in lineage else -1
            assert found.at_n[rank][row] == right, (rank, tree.taxon(label))
        assert (found.height_n[row] >= 0) == is_class(label, tree)
    metrics = compute_metrics(found, tree)
    assert list(metrics) == list_metrics(np.array(labels), tree)
    again = unstack(stack(found), found.at_n)
    assert compute_metrics(again, tree) == metrics


@pytest.fixture
def birds() -> Taxonomy:
    builder = TaxonomyBuilder()
    for family, genus, species in (
        ("Paridae", "Parus", "Parus major"),
        ("Paridae", "Parus", "Parus minor"),
        ("Paridae", "Poecile", "Poecile montanus"),
        ("Corvidae", "Pica", "Pica pica"),
    ):
        builder.add_lineage([("family", family), ("genus", genus), ("species", species)])
    return builder.build()


def find(tree: Taxonomy, *names: str) -> list[int]:
    return [list(tree.names).index(name) for name in names]


def test_metrics_worked_out_by_hand(birds: Taxonomy) -> None:
    """Four images: right; the other species of the genus; another family; and one labelled at genus, whose family is right."""
    labels = find(birds, "Parus major", "Parus minor", "Pica pica", "Poecile")
    major, minor, montanus, pica = (birds.names[node] for node in birds.leaf_node_C)
    order = [major, minor, montanus, pica]
    classes = [[order.index(name)] for name in ("Parus major", "Parus major", "Parus major", "Parus minor")]
    classes[2].append(order.index("Pica pica"))
    at: dict[str, Any] = {
        "family": find(birds, *["Paridae"] * 4),
        "genus": find(birds, *["Parus"] * 4),
        "species": find(birds, "Parus major", "Parus major", "Parus major", "Parus minor"),
    }
    metrics = compute_metrics(compare_with_truth(predict(classes, at, birds), np.array(labels), birds), birds)
    assert metrics == {
        "species_top1": pytest.approx(1 / 3),
        "species_top5": pytest.approx(2 / 3),
        "genus_top1": 2 / 4,
        "family_top1": 3 / 4,
        "severity": (1 + 3) / 2,
    }
    assert list(metrics) == ["species_top1", "species_top5", "genus_top1", "family_top1", "severity"]


def test_names_of_metrics(birds: Taxonomy) -> None:
    assert list_metrics(np.array(find(birds, "Parus")), birds) == ["genus_top1", "family_top1"]
    assert name_class_rank(birds) == "species"
    builder = TaxonomyBuilder()
    builder.add_lineage([("genus", "Parus"), ("species", "Parus major")])
    builder.add_lineage([("genus", "Pica")])
    mixed = builder.build()
    assert name_class_rank(mixed) == "class"
    assert is_smaller_better("severity") and not is_smaller_better("genus_top1")


def test_a_run_without_mistakes_has_severity_0(birds: Taxonomy) -> None:
    labels = np.array(find(birds, "Pica pica"))
    place = [birds.names[node] for node in birds.leaf_node_C].index("Pica pica")
    at = {rank: [node] for rank, node in zip(("family", "genus", "species"), birds.path(int(labels[0])))}
    metrics = compute_metrics(compare_with_truth(predict([[place]], at, birds), labels, birds), birds)
    assert metrics["severity"] == 0 and metrics["species_top1"] == metrics["family_top1"] == 1


def test_rows_of_a_linear_head(birds: Taxonomy) -> None:
    genera = np.array(find(birds, "Pica", "Parus"))
    labels = np.array(find(birds, "Parus minor", "Parus", "Pica pica", "Poecile montanus", "Paridae"))
    assert find_rows(labels, genera, birds).tolist() == [1, 1, 0, -1, -1]
