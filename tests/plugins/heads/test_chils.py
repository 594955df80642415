"""CHiLS against the authors' code, and against loops over a tree in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x import Classifier
from bioclip_x.errors import RecipeError
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.heads.chils import Chils
from helpers import picture
from random_trees import classes_below, in_parts, logits, trees


def run_authors_code(
    raw_logits: torch.Tensor, super_logits: torch.Tensor, raw2super: dict[int, int], reweighter: str
) -> list[int]:
    """The predictions of github.com/acmi-lab/CHILS, src/zshot_utils.py: conf_pred and conf_pred_supagg, with their mapping."""
    inv_map: dict[int, list[int]] = {}
    for k, v in raw2super.items():
        inv_map.setdefault(v, []).append(k)
    raw_probs, super_probs = raw_logits.softmax(1), super_logits.softmax(1)
    if reweighter == "supagg":
        superagg_probs = torch.ones_like(super_probs)
        for out_cl, in_cls in inv_map.items():
            superagg_probs[:, out_cl] = super_probs[:, out_cl] * raw_probs[:, in_cls].sum(1)
        return superagg_probs.argmax(1).tolist()
    for out_cl, in_cls in inv_map.items():
        raw_probs[:, in_cls] = raw_probs[:, in_cls] * super_probs[:, out_cl].reshape(-1, 1)
    return [raw2super[x] for x in raw_probs.argmax(1).tolist()]


def genera(sizes: list[int]) -> Taxonomy:
    builder = TaxonomyBuilder()
    for genus, size in enumerate(sizes):
        for species in range(size):
            builder.add_lineage([("genus", f"G{genus}"), ("species", f"s{genus}.{species}")])
    return builder.build()


@pytest.mark.parametrize("pool", ["max", "sum"])
def test_the_answers_are_those_of_the_authors_code(pool: str) -> None:
    sizes = [1, 4, 7, 2, 12]
    tree, rng = genera(sizes), torch.Generator().manual_seed(0)
    raw, upper = torch.randn(400, sum(sizes), generator=rng) * 2, torch.randn(400, len(sizes), generator=rng) * 2
    raw2super = dict(enumerate(np.repeat(np.arange(len(sizes)), sizes).tolist()))
    assert [tree.names[node] for node in tree.inner_taxa] == [f"G{i}" for i in range(5)]
    decided = Chils("genus", pool=pool).decide(  # type: ignore[arg-type]
        HeadInput(in_parts(raw.numpy(), 5), tree, inner_logits_TB=upper.T.contiguous())
    )
    expected = run_authors_code(raw, upper, raw2super, "supagg" if pool == "sum" else "normal")
    assert decided.reported_BK is not None
    assert [tree.names[node] for node in decided.reported_BK[:, 0]] == [f"G{r}" for r in expected]
    other = run_authors_code(raw, upper, raw2super, "normal" if pool == "sum" else "supagg")
    assert 5 < sum(one != another for one, another in zip(expected, other)) < 200  # the two rules can be told apart


def naive_shares(logits_C: np.ndarray, inner_T: np.ndarray, tree: Taxonomy, head: Chils) -> np.ndarray:
    """The module's equations, class by class: float64 [C]."""
    q = np.exp(logits_C.astype(np.float64) - logits_C[np.isfinite(logits_C)].max())
    q /= q.sum()
    inner = dict(zip(tree.inner_taxa.tolist(), inner_T.astype(np.float64)))
    leaves = tree.leaf_node_C.tolist()
    nodes = [node for node in tree.rank_tables[head.rank].tolist() if q[classes_below(tree, node)].sum() > 0]
    own = {}
    for node in nodes:
        if node in leaves:
            own[node] = float(logits_C[leaves.index(node)])
        elif node in inner:
            own[node] = inner[node]
    total = sum(np.exp(value - max(own.values())) for value in own.values())
    shares = np.zeros(len(leaves))
    for node in nodes:
        weight = 1 / len(nodes)
        if node in own:
            weight = np.exp(own[node] - max(own.values())) / total * len(own) / len(nodes)
        below = classes_below(tree, node)
        s = q[below] * (weight if head.reweight else 1)
        pooled = s.max() if head.pool == "max" else s.sum()
        shares[below] = pooled * q[below] / q[below].sum()
    return shares / shares.sum()


@given(trees(), logits, st.sampled_from(["max", "sum"]), st.booleans(), st.integers(0, 4))
def test_agrees_with_loops(tree: Taxonomy, many: np.ndarray, pool: str, reweight: bool, excluded: int) -> None:
    if not tree.rank_tables:
        return
    many = many / max(1.0, float(np.abs(many).max()) / 8)  # the naive sums in float64 must not underflow
    logits_BC, inner_TB = many[:, : tree.n_classes].copy(), many[:, 1000 : 1000 + len(tree.inner_taxa)].T.copy()
    logits_BC[:, 1 : 1 + excluded] = -np.inf
    for rank, nodes in tree.rank_tables.items():
        head = Chils(rank, pool=pool, reweight=reweight)  # type: ignore[arg-type]
        decided = head.decide(HeadInput(in_parts(logits_BC), tree, 5, torch.from_numpy(inner_TB)))
        shares_BI = decided.log_probs_BI.double().exp().numpy()
        for row in range(3):
            of_class = naive_shares(logits_BC[row], inner_TB[:, row], tree, head)
            expected = [of_class[classes_below(tree, node)].sum() for node in tree.held_nodes.tolist()]
            np.testing.assert_allclose(shares_BI[row], expected, atol=3e-6)
            assert decided.reported_BK is not None
            at_rank = np.array([of_class[classes_below(tree, node)].sum() for node in nodes.tolist()])
            best = [at_rank[nodes.tolist().index(node)] for node in decided.reported_BK[row].tolist()]
            kept = min(len(best), int((at_rank > 0).sum()))
            np.testing.assert_allclose(best[:kept], np.sort(at_rank)[::-1][:kept], atol=3e-6)


def test_a_genus_gains_nothing_from_its_size() -> None:
    """One species at +2 against 300 of another genus at 0, and own texts that say nothing."""
    tree = genera([1, 300])
    logits_BC = torch.zeros(1, 301)
    logits_BC[0, 0] = 2
    found = {}
    for pool in ("max", "sum"):
        decided = Chils("genus", pool=pool).decide(  # type: ignore[arg-type]
            HeadInput(Logits.of(logits_BC), tree, inner_logits_TB=torch.zeros(2, 1))
        )
        found[pool] = float(decided.log_probs_BI[0, tree.names.index("G0")].exp())
    assert found["max"] == pytest.approx(np.e**2 / (np.e**2 + 1), abs=1e-6)
    assert found["sum"] == pytest.approx(np.e**2 / (np.e**2 + 300), abs=1e-6)


def test_what_cannot_be_done_is_said() -> None:
    tree = genera([2, 2])
    with pytest.raises(RecipeError, match="rank: this taxonomy has no table at rank 'family'; it has: genus, species"):
        Chils("family").decide(HeadInput(Logits.of(torch.zeros(1, 4)), tree))
    with pytest.raises(RecipeError, match=r"scores of the 2 taxa.*chils with reweight=false"):
        Chils("genus").decide(HeadInput(Logits.of(torch.zeros(1, 4)), tree))
    decided = Chils("genus", reweight=False).decide(HeadInput(Logits.of(torch.tensor([[0.0, 1.0, 2.0, 0.0]])), tree))
    assert decided.reported_BK is not None and tree.names[decided.reported_BK[0, 0]] == "G1"


def test_by_its_name_in_a_recipe(tiny_model: str, birds_csv: str) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, head="chils:rank=family")
    [result] = classifier.classify(picture(1))
    assert {one.taxon.rank for one in result.predictions} <= {"family"} and result.predictions
    assert sum(one.probability for one in result.predictions) <= 1 + 1e-6
    with pytest.raises(RecipeError, match="leave out the rank"):
        Classifier(tiny_model, taxonomy=birds_csv, head="chils:rank=family", rank="genus")
