from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

from bioclip_x.errors import RecipeError
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import SELF, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x_plugins.heads.top_down import TopDown
from random_trees import classes_below, graph_of_taxa, in_parts, is_made_up, logits, owner, trees


def naive_log_probs(logits_C: np.ndarray, inner_T: np.ndarray, tree: Taxonomy) -> np.ndarray:
    """log P of each class: down from the root, a softmax among the children of each taxon, in float64."""
    logit = dict(zip(tree.inner_taxa.tolist(), inner_T.astype(np.float64)))
    logit |= dict(zip(tree.leaf_node_C.tolist(), logits_C.astype(np.float64)))
    children = {taxon: list(graph_of_taxa(tree).successors(taxon)) for taxon in graph_of_taxa(tree)}
    for leaf in tree.leaf_node_C.tolist():
        if tree.kind_N[leaf] == SELF:
            children[owner(tree, leaf)].append(leaf)
    log_prob = {0: 0.0}
    waiting = [0]
    while waiting:
        taxon = waiting.pop()
        below = children.get(taxon, [])
        if below:
            values = np.array([logit[child] for child in below])
            total = values.max() + np.log(np.exp(values - values.max()).sum())
            log_prob |= {child: log_prob[taxon] + logit[child] - total for child in below}
            waiting += [child for child in below if not is_made_up(tree, child)]
    return np.array([log_prob[leaf] for leaf in tree.leaf_node_C.tolist()])


@given(trees(), logits)
def test_agrees_with_a_walk_from_the_root(tree: Taxonomy, many: np.ndarray) -> None:
    logits_BC, inner_TB = many[:, : tree.n_classes], many[:, 1000 : 1000 + len(tree.inner_taxa)].T.copy()
    given_parts = HeadInput(in_parts(logits_BC), tree, n_best=5, inner_logits_TB=torch.from_numpy(inner_TB))
    decided = TopDown().decide(given_parts)
    shares_BI = decided.log_probs_BI.double().exp().numpy()
    for row in range(3):
        of_class = np.exp(naive_log_probs(logits_BC[row], inner_TB[:, row], tree))
        expected = [of_class[classes_below(tree, node)].sum() for node in tree.held_nodes.tolist()]
        np.testing.assert_allclose(shares_BI[row], expected, atol=2e-6)
        top = decided.top_BK[row].tolist()
        np.testing.assert_allclose(decided.log_top_BK[row].double().exp(), of_class[top], atol=2e-6)
        np.testing.assert_allclose(of_class[top], np.sort(of_class)[::-1][: len(top)], atol=2e-6)
        for nodes in tree.rank_tables.values():
            if (tree.place_N[nodes] >= 0).all():
                assert shares_BI[row][tree.place_N[nodes]].sum() == pytest.approx(1, abs=1e-5)


def two_families(n_large: int) -> Taxonomy:
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "small"), ("species", "s")])
    for i in range(n_large):
        builder.add_lineage([("family", "large"), ("species", f"l{i}")])
    return builder.build()


def test_a_large_clade_has_no_advantage() -> None:
    """One species at +2 against 300 relatives at 0: 0.024 by the sum; here the families' own texts decide."""
    tree = two_families(300)
    logits_BC = torch.zeros(1, 301)
    logits_BC[0, 0] = 2
    inner_TB = torch.tensor([[2.0], [0.0]])
    decided = TopDown().decide(HeadInput(in_parts(logits_BC.numpy(), 100), tree, inner_logits_TB=inner_TB))
    assert float(decided.log_probs_BI[0, tree.names.index("small")].exp()) == pytest.approx(0.8808, abs=1e-4)
    assert decided.ranks == ("family", "species")


def test_taxa_without_a_possible_class_do_not_compete() -> None:
    """A list of a region leaves classes at -inf: their families take nothing from the order that they belong to."""
    builder = TaxonomyBuilder()
    for lineage in (["O", "absent", "a"], ["O", "Oo", "o"], ["P", "Pp", "p1"], ["P", "Pp", "p2"]):
        builder.add_lineage([*zip(("order", "family", "species"), lineage)])
    tree = builder.build()
    inner = {"O": 0.0, "absent": 5.0, "Oo": 0.0, "P": 0.0, "Pp": 0.0}
    inner_TB = torch.tensor([[inner[tree.names[node]]] for node in tree.inner_taxa])
    logits_BC = np.array([[-np.inf, 1, 2, 0]], np.float32)
    decided = TopDown().decide(HeadInput(in_parts(logits_BC, 2), tree, inner_logits_TB=inner_TB))
    shares_I = decided.log_probs_BI[0].exp()
    share = dict(zip(tree.names, shares_I.tolist()))
    assert (share["absent"], share["a"]) == (0, 0)
    assert (share["O"], share["P"], share["o"]) == pytest.approx((0.5, 0.5, 0.5))
    assert share["p1"] == pytest.approx(0.5 / (1 + np.exp(-2)))


def test_a_flat_list_needs_no_other_texts() -> None:
    decided = TopDown().decide(HeadInput(Logits.of(torch.log(torch.tensor([[0.7, 0.3]]))), from_labels(["a", "b"])))
    assert decided.log_top_BK.exp().tolist() == [pytest.approx([0.7, 0.3])]


def test_a_scorer_without_upper_taxa_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"scores of the 2 taxa above the classes.*head 'rollup'"):
        TopDown().decide(HeadInput(Logits.of(torch.zeros(1, 3)), two_families(2)))
