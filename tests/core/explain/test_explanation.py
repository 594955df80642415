from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from bioclip_x.classes.priors import Adjustments
from bioclip_x.explain.contrast import ScoredImage, select_compared_taxa
from bioclip_x.explain.explanation import Explainer
from bioclip_x.inference.temperature import at_temperature
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.prediction.ranking import select_top_nodes
from bioclip_x.records import Explanation, ImageFeatures, ModelCard, Prompt, Source, TextBank
from bioclip_x.records.scores import HeadInput
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x_plugins.heads.crm import Crm
from bioclip_x_plugins.heads.flat import Flat
from bioclip_x_plugins.heads.hedge import Hedge
from bioclip_x_plugins.heads.rollup import Rollup
from bioclip_x_plugins.heads.top_down import TopDown
from bioclip_x_plugins.scorers.text import TextScorer
from random_trees import trees

CARD = ModelCard("m", "r", "t", "fp32", 6, logit_scale=40.0, logit_bias=-3.0, context_length=77)
unit = torch.nn.functional.normalize


def tree(*species: tuple[str, str]) -> Taxonomy:
    builder = TaxonomyBuilder()
    for family, name in species or [("A", "a1"), ("A", "a2"), ("B", "b1"), ("C", "c1")]:
        builder.add_lineage([("family", family), ("species", name)])
    return builder.build()


def bank_of(prompts: list[Prompt], cosines: list[float], n_classes: int, pooling: str = "mean") -> TextBank:
    """Texts of these cosines with the picture `X`."""
    texts = torch.zeros(len(prompts), 6)
    texts[:, 0] = torch.tensor(cosines)
    texts[:, 1] = (1 - texts[:, 0] ** 2).sqrt()
    owner_P = np.array([prompt.class_index for prompt in prompts])
    return TextBank(tuple(prompts), texts, owner_P, np.ones(len(prompts), np.float32), n_classes, pooling, "key")


X = torch.eye(6)[0]


def explained(bank: TextBank, taxonomy: Taxonomy, nodes: list[int], **fields: Any) -> Explanation:
    logits = TextScorer().logits(ImageFeatures(X[None], ("",)), bank, CARD)
    shares = NodeProbabilities(taxonomy, roll_up(logits, taxonomy), 0)
    return Explainer(taxonomy, bank, TextScorer(), CARD, **fields).explain(logits, 0, shares, X, nodes)


def descriptor(phrase: str, class_index: int, **fields: Any) -> Prompt:
    return Prompt(f"it, which has {phrase}", class_index, "descriptor", phrase, "birds.yaml", **fields)


PROMPTS = [
    descriptor("a cap", 0),
    descriptor("a tail", 0, taxon="A", rank="family"),
    descriptor("A Cap", 1),
    descriptor("a beak", 1),
    descriptor("a cap", 2),
    descriptor("a fin", 3),
]
COSINES = [0.5, 0.3, 0.4, 0.2, 0.1, 0.2]


def test_by_hand() -> None:
    taxonomy = tree()
    told = explained(bank_of(PROMPTS, COSINES, 4), taxonomy, [taxonomy.names.index("a1"), taxonomy.names.index("a2")])
    assert (told.winner, told.runner_up, told.winner_class, told.runner_up_class) == ("a1", "a2", "a1", "a2")
    assert [s.phrase for s in told.contributions] == [
        "a cap",
        "a tail",
        "A Cap",
        "a beak",
    ]  # the strongest of each first
    assert [s.contribution for s in told.contributions] == pytest.approx([10, 6, -8, -4])  # 40/2 times the cosine
    assert [s.similarity for s in told.contributions] == pytest.approx([0.5, 0.3, 0.4, 0.2])
    assert told.margin == pytest.approx(4) and told.rest == 0 and told.remainders == ()
    assert [s.net for s in told.contributions] == [
        pytest.approx(2),
        None,
        pytest.approx(2),
        None,
    ]  # one phrase, told once
    assert [s.n_classes for s in told.contributions] == [3, 1, 3, 1]
    assert [(s.taxon, s.rank) for s in told.contributions] == [("", ""), ("A", "family"), ("", ""), ("", "")]
    assert not told.is_asked_for


def test_of_max_pooling_the_best_text_alone_counts() -> None:
    taxonomy = tree()
    bank = bank_of(PROMPTS, COSINES, 4, "max")
    told = explained(bank, taxonomy, [taxonomy.names.index("a1"), taxonomy.names.index("a2")])
    assert [s.contribution for s in told.contributions] == pytest.approx([20, 0, -16, 0])
    assert told.margin == pytest.approx(4) and told.remainders == ()


def test_a_family_is_told_from_another_by_all_its_classes() -> None:
    taxonomy = tree()
    told = explained(bank_of(PROMPTS, COSINES, 4), taxonomy, [taxonomy.names.index("A"), taxonomy.names.index("B")])
    logits = [16, 12, 4, 8]
    assert (told.winner, told.runner_up, told.winner_class, told.runner_up_class) == ("A", "B", "a1", "b1")
    others = math.log(math.exp(logits[0]) + math.exp(logits[1])) - logits[0]
    assert told.margin == pytest.approx(logits[0] + others - logits[2], abs=1e-4)
    [one] = told.remainders
    assert (one.label, one.kind) == ("other classes of A", "classes")
    assert one.contribution == pytest.approx(others, abs=1e-5) and told.rest == one.contribution


@pytest.mark.parametrize(
    "asked, winner_class, runner_up_class",
    [("C", "a1", "c1"), ("a2", "a1", "a2"), ("a1", "a2", "a1")],
    ids=["another family", "a class of the winner", "the winner's own best class"],
)
def test_any_taxon_can_be_asked_about(asked: str, winner_class: str, runner_up_class: str) -> None:
    taxonomy = tree()
    nodes = [taxonomy.names.index("A"), taxonomy.names.index("B")]
    told = explained(bank_of(PROMPTS, COSINES, 4), taxonomy, nodes, asked=taxonomy.names.index(asked))
    assert told.is_asked_for and (told.winner, told.runner_up) == ("A", asked)
    assert (told.winner_class, told.runner_up_class) == (winner_class, runner_up_class)
    logits = dict(zip(["a1", "a2", "b1", "c1"], [16.0, 12, 4, 8]))
    of_a = math.log(math.exp(16) + math.exp(12))
    assert told.margin == pytest.approx(of_a - logits[runner_up_class], abs=1e-4)
    assert math.fsum(s.contribution for s in told.contributions) == pytest.approx(
        logits[winner_class] - logits[runner_up_class], abs=1e-4
    )


@pytest.mark.parametrize("asked", ["a1", "A"])
def test_what_was_found_is_not_held_against_itself(asked: str) -> None:
    taxonomy = tree()
    nodes = [taxonomy.names.index("a1"), taxonomy.names.index("a2")]
    told = explained(bank_of(PROMPTS, COSINES, 4), taxonomy, nodes, asked=taxonomy.names.index(asked))
    assert (told.runner_up, told.is_asked_for) == ("a2", False)


def test_a_single_class_has_no_runner_up() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("species", "only")])
    told = explained(bank_of([Prompt("t", 0, "common")], [0.5], 1), builder.build(), [1])
    assert (told.winner, told.runner_up) == ("only", "")
    assert told.margin == pytest.approx(17.0)
    assert [(one.label, one.contribution) for one in told.remainders] == [("the model's bias", -3.0)]


def test_two_taxa_of_one_name_are_told_apart() -> None:
    taxonomy = tree(("A", "x"), ("B", "x"))
    told = explained(bank_of([PROMPTS[0], PROMPTS[2]], [0.5, 0.4], 2), taxonomy, taxonomy.leaf_node_C.tolist())
    assert (told.winner, told.runner_up) == ("x (A)", "x (B)")


@dataclass
class Given:
    """An adjustment of given offsets."""

    offsets_CB: torch.Tensor

    def offsets(self, taxonomy: Taxonomy, sources: Any) -> torch.Tensor:
        return self.offsets_CB if self.offsets_CB.shape[1] > 1 else self.offsets_CB[:, 0]

    def notes(self, taxonomy: Taxonomy) -> tuple[str, ...]:
        return ()


HEADS = ["flat", "rollup", "size prior", "hedge", "crm", "crm over nodes", "top-down"]


def head_of(name: str, taxonomy: Taxonomy) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "flat": Flat, "rollup": Rollup, "hedge": lambda: Hedge(0.5), "crm": Crm, "crm over nodes": lambda: Crm("nodes"),
        "top-down": TopDown, "size prior": lambda: Rollup(size_prior=next(iter(taxonomy.rank_tables), None)),
    }  # fmt: skip
    return made[name]()


@dataclass
class Scene:
    """A random bank and two pictures, and a head's decision of them."""

    taxonomy: Taxonomy
    pooling: str
    prior: str
    temperature: float
    head: Any
    seed: int

    def __post_init__(self) -> None:
        random, n = np.random.default_rng(self.seed), self.taxonomy.n_classes
        counts = random.integers(1, 4, n)
        owner_P = np.repeat(np.arange(n), counts)
        texts, pictures = (
            unit(torch.from_numpy(random.standard_normal((rows, 6)).astype(np.float32)), dim=1)
            for rows in (len(owner_P), 2)
        )
        prompts = tuple(Prompt(f"text {i}", int(c), "descriptor", f"phrase {i % 5}") for i, c in enumerate(owner_P))
        weight_P = random.uniform(0.2, 2, len(owner_P)).astype(np.float32)
        self.bank = TextBank(prompts, texts, owner_P, weight_P, n, self.pooling, "key")
        self.pictures, self.scorer = pictures, TextScorer()
        self.offsets_CB = torch.from_numpy(random.uniform(-4, 0, (n, 2 if self.prior == "each" else 1))).float()
        if self.prior == "hard":
            self.offsets_CB[torch.from_numpy(random.random(n) < 0.4)] = -torch.inf
            self.offsets_CB[int(random.integers(n))] = 0.0  # something is left
        logits = replace(self.scorer.logits(ImageFeatures(pictures, ("", "")), self.bank, CARD), k=5)
        n_inner = len(self.taxonomy.inner_taxa)
        logits = replace(logits, inner_IB=torch.from_numpy(random.uniform(-5, 5, (n_inner, 2))).float())
        given = {} if self.prior == "none" else {"list": Given(self.offsets_CB)}
        self.logits = at_temperature(
            Adjustments(given, self.taxonomy).of(logits, [Source("a"), Source("b")]), self.temperature
        )
        self.scores = self.head.decide(HeadInput(self.logits, self.taxonomy))

    def explainer(self, asked: int | None) -> Explainer:
        card = replace(CARD, logit_scale=40 / self.temperature, logit_bias=-3 / self.temperature)
        head_name = "" if getattr(self.head, "is_softmax", False) else "the head"
        return Explainer(self.taxonomy, self.bank, self.scorer, card, self.temperature, "the scorer", head_name, asked)

    def class_logits(self, row: int) -> np.ndarray:
        """float64 [C], each class by itself, without bias and priors."""
        cos_P = (self.bank.embeddings_PD.double() @ self.pictures[row].double()).numpy()
        return np.array([40 / self.temperature * self._pooled(c, cos_P) for c in range(self.taxonomy.n_classes)])

    def _pooled(self, class_index: int, cos_P: np.ndarray) -> float:
        rows = np.flatnonzero(self.bank.owner_P == class_index)
        if self.pooling == "max":
            return float(cos_P[rows].max())
        weights = self.bank.weight_P[rows].astype(np.float64) / self.bank.weight_P[rows].astype(np.float64).sum()
        mean_D = weights @ self.bank.embeddings_PD[rows].double().numpy()
        return float(weights @ cos_P[rows]) / (np.linalg.norm(mean_D) if self.pooling == "ensemble" else 1.0)

    def prior_of(self, class_index: int, row: int) -> float:
        column = row if self.prior == "each" else 0
        return 0.0 if self.prior == "none" else float(self.offsets_CB[class_index, column]) / self.temperature

    def log_share(self, node: int, row: int, logits_C: np.ndarray) -> float:
        """Of a softmax head, up to what all nodes share; of another, what it decided."""
        start, stop = self.taxonomy.leaf_start_N[node], self.taxonomy.leaf_stop_N[node]
        if not getattr(self.head, "is_softmax", False):
            return NodeProbabilities(self.taxonomy, self.scores, row).log(node)
        return float(np.logaddexp.reduce(logits_C[start:stop]))


scenes = st.builds(
    lambda taxonomy, pooling, prior, temperature, head, seed: Scene(
        taxonomy, pooling, prior, temperature, head_of(head, taxonomy), seed
    ),
    trees(),
    st.sampled_from(["mean", "ensemble", "max"]),
    st.sampled_from(["none", "all", "each", "hard"]),
    st.sampled_from([1.0, 0.7, 3.0]),
    st.sampled_from(HEADS),
    st.integers(0, 2**32 - 1),
)


@given(scenes, st.integers(0, 1), st.none() | st.floats(0, 1))
def test_contributions_and_remainders_sum_to_the_margin(scene: Scene, row: int, asked_at: float | None) -> None:
    taxonomy, shares = scene.taxonomy, NodeProbabilities(scene.taxonomy, scene.scores, row)
    nodes = [n for n in select_top_nodes(taxonomy, scene.scores, None, 5)[row] if shares.log(n) > -math.inf]
    assume(nodes[0] != 0)
    asked = None if asked_at is None else 1 + round(asked_at * (taxonomy.n_nodes - 2))
    told = scene.explainer(asked).explain(scene.logits, row, shares, scene.pictures[row], nodes)
    contributions = math.fsum(share.contribution for share in told.contributions)
    assert told.rest == math.fsum(one.contribution for one in told.remainders)
    assert told.margin == contributions + told.rest

    sides, _ = select_compared_taxa(taxonomy, ScoredImage(scene.logits, row, shares), nodes, asked)
    assume(len(sides) == 2)
    is_softmax = bool(getattr(scene.head, "is_softmax", False))
    is_held = all(taxonomy.place_N[n] >= 0 or taxonomy.leaf_start_N[n] in shares.best for n in (s.node for s in sides))
    assume(is_softmax or is_held)  # of other heads, a share that nobody holds is not known
    alone_C = scene.class_logits(row)
    logits_C = alone_C + [scene.prior_of(c, row) for c in range(taxonomy.n_classes)]
    winner, other = (scene.log_share(side.node, row, logits_C) for side in sides)
    assert told.margin == pytest.approx(winner - other, abs=2e-3)

    best, second = (side.best for side in sides)
    assert contributions == pytest.approx(alone_C[best] - alone_C[second], abs=1e-4)
    kinds = {one.kind for one in told.remainders}
    assert kinds <= {"classes", "adjustment"} | (set() if is_softmax else {"head"})
    by_prior = math.fsum(one.contribution for one in told.remainders if one.kind == "adjustment")
    expected = scene.prior_of(best, row) - scene.prior_of(second, row)
    assert by_prior == (expected if math.isinf(expected) else pytest.approx(expected, abs=1e-5))


@given(scenes)
def test_what_each_prompt_did(scene: Scene) -> None:
    shares = NodeProbabilities(scene.taxonomy, scene.scores, 0)
    nodes = [n for n in select_top_nodes(scene.taxonomy, scene.scores, None, 5)[0] if shares.log(n) > -math.inf]
    assume(nodes[0] != 0)
    told = scene.explainer(None).explain(scene.logits, 0, shares, scene.pictures[0], nodes)
    said = [(scene.bank.prompts[row].phrase, int(c)) for row, c in enumerate(scene.bank.owner_P)]
    classes = {share.class_index for share in told.contributions}
    for share in told.contributions:
        row = int(share.text.removeprefix("text "))
        assert scene.bank.owner_P[row] == share.class_index
        assert share.similarity == pytest.approx(float(scene.bank.embeddings_PD[row] @ scene.pictures[0]), abs=1e-6)
        assert share.n_classes == len({c for phrase, c in said if phrase == share.phrase})
        same = [other for other in told.contributions if other.phrase == share.phrase]
        if {other.class_index for other in same} == classes and len(classes) == 2:
            assert share.net == pytest.approx(sum(other.contribution for other in same), abs=1e-9)
        else:
            assert share.net is None
    assert len(told.contributions) == sum(int(c) in classes for c in scene.bank.owner_P)
