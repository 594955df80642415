from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from bioclip_x.classes.priors import Adjustments, add_offsets, add_offsets_to_inner, sum_offsets
from bioclip_x.explain.contrast import ScoredImage, select_compared_taxa
from bioclip_x.explain.explanation import Explainer
from bioclip_x.hooks.capabilities import HeadCapabilities, get_capabilities
from bioclip_x.inference.temperature import apply_temperature
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.prediction.ranking import select_top_nodes
from bioclip_x.records import Explanation, HeadInput, ImageFeatures, ModelCard, Prompt, Source, TextBank
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy import tree as taxonomy_module
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x.text_bank.mean_text import add_mean
from bioclip_x_plugins.heads.chils import Chils
from bioclip_x_plugins.heads.conformal import Conformal
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
    """Texts of these cosines with the image `X`. Without a mean text: contributions are then relative to 0."""
    texts = torch.zeros(len(prompts), 6)
    texts[:, 0] = torch.tensor(cosines)
    texts[:, 1] = (1 - texts[:, 0] ** 2).sqrt()
    owner_P = np.array([prompt.class_index for prompt in prompts])
    return TextBank(tuple(prompts), texts, owner_P, np.ones(len(prompts), np.float32), n_classes, pooling, "key")


X = torch.eye(6)[0]


def explained(bank: TextBank, taxonomy: Taxonomy, nodes: list[int], **fields: Any) -> Explanation:
    logits = TextScorer().logits(ImageFeatures(X[None], ("",)), bank, CARD, taxonomy)
    probabilities = NodeProbabilities(taxonomy, roll_up(logits, taxonomy), 0)
    return Explainer(taxonomy, bank, TextScorer(), CARD, **fields).explain(logits, {}, 0, probabilities, X, nodes)


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
    assert not told.is_asked_for and told.baseline == 0


def test_by_hand_relative_to_the_mean_text() -> None:
    taxonomy = tree()
    bank = add_mean(bank_of(PROMPTS, COSINES, 4))
    told = explained(bank, taxonomy, [taxonomy.names.index("a1"), taxonomy.names.index("a2")])
    assert told.baseline == pytest.approx(0.25)  # the mean of the classes' means 0.4, 0.3, 0.1 and 0.2
    assert [s.phrase for s in told.contributions] == ["a cap", "a tail", "A Cap", "a beak"]
    # 40/2 times (cosine - 0.25): "a beak" scores below the mean text, which is evidence against a2, so for a1
    assert [s.contribution for s in told.contributions] == pytest.approx([5, 1, -3, 1])
    assert [s.similarity for s in told.contributions] == pytest.approx([0.5, 0.3, 0.4, 0.2])
    assert [s.net for s in told.contributions] == [pytest.approx(2), None, pytest.approx(2), None]
    assert told.margin == pytest.approx(4) and told.rest == 0 and told.remainders == ()


def test_by_hand_of_max_pooling_relative_to_the_mean_text() -> None:
    taxonomy = tree()
    bank = add_mean(bank_of(PROMPTS, COSINES, 4, "max"))
    told = explained(bank, taxonomy, [taxonomy.names.index("a1"), taxonomy.names.index("a2")])
    assert told.baseline == pytest.approx(0.25)
    assert [s.contribution for s in told.contributions] == pytest.approx([10, 0, -6, 0])
    assert told.margin == pytest.approx(4) and told.remainders == ()


def test_by_hand_of_ensemble_pooling_what_does_not_cancel_is_a_line() -> None:
    taxonomy = tree()
    bank = add_mean(bank_of(PROMPTS, COSINES, 4, "ensemble"))
    told = explained(bank, taxonomy, [taxonomy.names.index("a1"), taxonomy.names.index("a2")])
    sums = []  # Σ a of each class: 1 over the length of the mean of its two texts
    for cosines in ((0.5, 0.3), (0.4, 0.2)):
        along, across = (sum(part) / 2 for part in (cosines, [math.sqrt(1 - cosine**2) for cosine in cosines]))
        sums.append(1 / math.hypot(along, across))
    cosines = [(0.5, 0), (0.3, 0), (0.4, 1), (0.2, 1)]
    expected = [(-1) ** side * 40 * sums[side] / 2 * (cosine - 0.25) for cosine, side in cosines]
    assert [s.contribution for s in told.contributions] == pytest.approx(expected, abs=1e-5)
    [one] = told.remainders
    assert (one.label, one.kind) == ("the mean text of the list", "mean text")
    assert one.contribution == pytest.approx(40 * 0.25 * (sums[0] - sums[1]), abs=1e-5) and one.contribution != 0
    assert told.margin == pytest.approx(40 * (0.4 * sums[0] - 0.3 * sums[1]), abs=1e-5)
    assert math.fsum(s.contribution for s in told.contributions) + told.rest == pytest.approx(told.margin, abs=1e-9)


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


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
def test_without_a_runner_up_the_mean_texts_own_score_is_a_line(pooling: str) -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("species", "only")])
    prompts, cosines = [Prompt("t", 0, "common"), Prompt("u", 0, "common")], [0.5, 0.3]
    told = explained(add_mean(bank_of(prompts, cosines, 1, pooling)), builder.build(), [1])
    length = math.hypot(0.4, (math.sqrt(0.75) + math.sqrt(0.91)) / 2)
    coefficients = {"mean": [0.5, 0.5], "ensemble": [0.5 / length, 0.5 / length], "max": [1, 0]}[pooling]
    assert told.baseline == pytest.approx(0.4)
    assert [s.contribution for s in told.contributions] == pytest.approx(
        [40 * a * (cosine - 0.4) for a, cosine in zip(coefficients, cosines)], abs=1e-5
    )
    mean, bias = told.remainders
    assert (mean.label, mean.kind) == ("the mean text of the list", "mean text")
    assert mean.contribution == pytest.approx(40 * 0.4 * sum(coefficients), abs=1e-5)
    assert (bias.label, bias.contribution) == ("the model's bias", -3.0)
    assert told.margin == pytest.approx(40 * sum(a * c for a, c in zip(coefficients, cosines)) - 3, abs=1e-5)
    assert math.fsum(s.contribution for s in told.contributions) + told.rest == pytest.approx(told.margin, abs=1e-9)


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


HEADS = ["flat", "rollup", "size prior", "hedge", "crm", "crm over nodes", "top-down", "chils", "conformal", "clade"]


def head_of(name: str, taxonomy: Taxonomy) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "flat": Flat, "rollup": Rollup, "hedge": lambda: Hedge(0.5), "crm": Crm, "crm over nodes": lambda: Crm("nodes"),
        "chils": lambda: Chils(next(iter(taxonomy.rank_tables))) if taxonomy.rank_tables else Flat(),
        "conformal": lambda: Conformal(threshold=2.0), "clade": lambda: Conformal(sets="clade", threshold=0.6),
        "top-down": TopDown, "size prior": lambda: Rollup(size_prior=next(iter(taxonomy.rank_tables), None)),
    }  # fmt: skip
    return made[name]()


@dataclass
class Scene:
    """A random bank and two images, and a head's decision of them."""

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
        self.bank = add_mean(TextBank(prompts, texts, owner_P, weight_P, n, self.pooling, "key"))
        self.pictures, self.scorer = pictures, TextScorer()
        self.offsets_CB = torch.from_numpy(random.uniform(-4, 0, (n, 2 if self.prior == "each" else 1))).float()
        if self.prior == "hard":
            self.offsets_CB[torch.from_numpy(random.random(n) < 0.4)] = -torch.inf
            self.offsets_CB[int(random.integers(n))] = 0.0  # something is left
        logits = self.scorer.logits(ImageFeatures(pictures, ("", "")), self.bank, CARD, self.taxonomy)
        n_inner = len(self.taxonomy.inner_taxa)
        inner_TB = torch.from_numpy(random.uniform(-5, 5, (n_inner, 2))).float()
        given = {} if self.prior == "none" else {"list": Given(self.offsets_CB)}
        self.offsets = Adjustments(given, self.taxonomy).compute_offsets([Source("a"), Source("b")])
        if self.offsets:
            offsets_CB = sum_offsets(self.offsets)
            logits, inner_TB = (
                add_offsets(logits, offsets_CB),
                add_offsets_to_inner(inner_TB, offsets_CB, self.taxonomy),
            )
        self.logits = apply_temperature(logits, self.temperature)
        given_to_head = HeadInput(self.logits, self.taxonomy, n_best=5, inner_logits_TB=inner_TB / self.temperature)
        self.scores = self.head.decide(given_to_head)
        self.is_softmax = get_capabilities(self.head, HeadCapabilities).is_softmax

    def explainer(self, asked: int | None) -> Explainer:
        card = replace(CARD, logit_scale=40 / self.temperature, logit_bias=-3 / self.temperature)
        head_name = "" if self.is_softmax else "the head"
        return Explainer(self.taxonomy, self.bank, self.scorer, card, self.temperature, "the scorer", head_name, asked)

    def class_logits(self, row: int) -> np.ndarray:
        """float64 [C], each class by itself, without bias and priors."""
        cos_P = (self.bank.embeddings_PD.double() @ self.pictures[row].double()).numpy()
        return np.array([40 / self.temperature * self._pooled(c, cos_P) for c in range(self.taxonomy.n_classes)])

    def _pooled(self, class_index: int, cos_P: np.ndarray) -> float:
        rows = np.flatnonzero(self.bank.owner_P == class_index)
        return float(self.coefficients(class_index, cos_P) @ cos_P[rows])

    def coefficients(self, class_index: int, cos_P: np.ndarray) -> np.ndarray:
        """a of each prompt of a class: float64."""
        rows = np.flatnonzero(self.bank.owner_P == class_index)
        if self.pooling == "max":
            return (np.arange(len(rows)) == cos_P[rows].argmax()).astype(np.float64)
        weights = self.bank.weight_P[rows].astype(np.float64) / self.bank.weight_P[rows].astype(np.float64).sum()
        mean_D = weights @ self.bank.embeddings_PD[rows].double().numpy()
        return weights / np.linalg.norm(mean_D) if self.pooling == "ensemble" else weights

    def baseline(self, row: int) -> float:
        """The cosine of an image with the mean of all classes' weighted means, by a loop."""
        means = []
        for c in range(self.taxonomy.n_classes):
            rows = np.flatnonzero(self.bank.owner_P == c)
            weights = self.bank.weight_P[rows].astype(np.float64)
            means.append(weights @ self.bank.embeddings_PD[rows].double().numpy() / weights.sum())
        return float(np.mean(means, axis=0) @ self.pictures[row].double().numpy())

    def mean_text_left(self, classes: list[int], row: int) -> float:
        """What of the mean text does not cancel: s·c·(Σ a of the winner - Σ a of the runner-up, if there is one)."""
        cos_P = (self.bank.embeddings_PD.double() @ self.pictures[row].double()).numpy()
        sums = [float(self.coefficients(c, cos_P).sum()) for c in classes] + [0.0]
        return 40 / self.temperature * self.baseline(row) * (sums[0] - sums[1])

    def prior_of(self, class_index: int, row: int) -> float:
        column = row if self.prior == "each" else 0
        return 0.0 if self.prior == "none" else float(self.offsets_CB[class_index, column]) / self.temperature

    def log_share(self, node: int, row: int, logits_C: np.ndarray) -> float:
        """Of a softmax head, up to what all nodes share; of another, what it decided."""
        start, stop = self.taxonomy.leaf_start_N[node], self.taxonomy.leaf_stop_N[node]
        if not self.is_softmax:
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
    taxonomy, probabilities = scene.taxonomy, NodeProbabilities(scene.taxonomy, scene.scores, row)
    nodes = [n for n in select_top_nodes(taxonomy, scene.scores, None, 5)[row] if probabilities.log(n) > -math.inf]
    assume(nodes[0] != 0)
    asked = None if asked_at is None else 1 + round(asked_at * (taxonomy.n_nodes - 2))
    told = scene.explainer(asked).explain(scene.logits, scene.offsets, row, probabilities, scene.pictures[row], nodes)
    contributions = math.fsum(one.contribution for one in told.contributions)
    assert told.rest == math.fsum(one.contribution for one in told.remainders)
    assert told.margin == pytest.approx(contributions + told.rest, abs=1e-9, rel=0)

    compared, _ = select_compared_taxa(taxonomy, ScoredImage(scene.logits, row, probabilities), nodes, asked)
    classes = [taxon.class_index for taxon in compared]
    assert told.baseline == pytest.approx(scene.baseline(row), abs=1e-6)
    mean_text = [one.contribution for one in told.remainders if one.kind == "mean text"]
    if scene.pooling != "ensemble" and len(compared) == 2:
        assert mean_text == []
    else:
        assert math.fsum(mean_text) == pytest.approx(scene.mean_text_left(classes, row), abs=1e-4)

    assume(len(compared) == 2)
    is_held = all(taxonomy.place_N[n] >= 0 or taxonomy.leaf_start_N[n] in probabilities.best
                  for n in (taxon.node for taxon in compared))  # fmt: skip
    assume(scene.is_softmax or is_held)  # of other heads, a share that nobody holds is not known
    alone_C = scene.class_logits(row)
    logits_C = alone_C + [scene.prior_of(c, row) for c in range(taxonomy.n_classes)]
    winner, other = (scene.log_share(taxon.node, row, logits_C) for taxon in compared)
    assert told.margin == pytest.approx(winner - other, abs=2e-3)

    best, second = classes
    by_prompts = contributions + math.fsum(mean_text)
    assert by_prompts == pytest.approx(alone_C[best] - alone_C[second], abs=1e-4)
    kinds = {one.kind for one in told.remainders}
    assert kinds <= {"mean text", "classes", "adjustment"} | (set() if scene.is_softmax else {"head"})
    by_prior = math.fsum(one.contribution for one in told.remainders if one.kind == "adjustment")
    expected = scene.prior_of(best, row) - scene.prior_of(second, row)
    assert by_prior == (expected if math.isinf(expected) else pytest.approx(expected, abs=1e-5))


@given(scenes)
def test_what_each_prompt_did(scene: Scene) -> None:
    probabilities = NodeProbabilities(scene.taxonomy, scene.scores, 0)
    nodes = [n for n in select_top_nodes(scene.taxonomy, scene.scores, None, 5)[0] if probabilities.log(n) > -math.inf]
    assume(nodes[0] != 0)
    told = scene.explainer(None).explain(scene.logits, scene.offsets, 0, probabilities, scene.pictures[0], nodes)
    said = [(scene.bank.prompts[row].phrase, int(c)) for row, c in enumerate(scene.bank.owner_P)]
    classes = {one.class_index for one in told.contributions}
    cos_P = (scene.bank.embeddings_PD.double() @ scene.pictures[0].double()).numpy()
    for one in told.contributions:
        row = int(one.text.removeprefix("text "))
        assert scene.bank.owner_P[row] == one.class_index
        assert one.similarity == pytest.approx(float(scene.bank.embeddings_PD[row] @ scene.pictures[0]), abs=1e-6)
        sign = 1 if one.class_index == told.contributions[0].class_index else -1
        a = scene.coefficients(one.class_index, cos_P)[row - scene.bank.of_class(one.class_index).start]
        expected = sign * 40 / scene.temperature * a * (cos_P[row] - scene.baseline(0))
        assert one.contribution == pytest.approx(expected, abs=1e-4)
        assert one.n_classes == len({c for phrase, c in said if phrase == one.phrase})
        same = [other for other in told.contributions if other.phrase == one.phrase]
        if {other.class_index for other in same} == classes and len(classes) == 2:
            assert one.net == pytest.approx(sum(other.contribution for other in same), abs=1e-9)
        else:
            assert one.net is None
    assert len(told.contributions) == sum(int(c) in classes for c in scene.bank.owner_P)


@pytest.mark.parametrize("small", [0, taxonomy_module.SMALL], ids=["classes are not held", "all nodes are held"])
@pytest.mark.parametrize("name", ["Flat", "Rollup"])
@pytest.mark.parametrize("seed", range(3))
def test_rounding_of_approximate_logits_is_no_cause(small: int, name: str, seed: int) -> None:
    """Each of 24 classes, in pairs of one probable and one improbable class, is asked about, and each family.

    The rounding errors, 0.01, are fifty times those of a half-precision bank, and of what is left out as rounding of float32.
    """
    rng = np.random.default_rng(seed)
    pairs = [(f"F{c // 2:02}", f"s{c:02}") for c in range(24)]
    with patch.object(taxonomy_module, "SMALL", small):
        taxonomy = tree(*pairs)
        assert len(taxonomy.held_nodes)
    cosines = np.where(np.arange(24) % 2, -0.9, rng.uniform(0.1, 0.9, 24)).tolist()
    prompts = [descriptor(f"mark {c}", c) for c in range(24)]
    bank = add_mean(bank_of(prompts, cosines, 24))
    exact = TextScorer().logits(ImageFeatures(X[None], ("",)), bank, CARD, taxonomy)
    rounding_C1 = torch.from_numpy(rng.uniform(-0.01, 0.01, (24, 1)).astype(np.float32))
    logits = replace(exact.map(lambda start, stop, part: part.add_(rounding_C1[start:stop])), exact=exact.part)
    head = {"Flat": Flat, "Rollup": Rollup}[name]()
    scores = head.decide(HeadInput(logits, taxonomy, n_best=2))
    probabilities = NodeProbabilities(taxonomy, scores, 0)
    exact_C = exact.part(0, 24)[:, 0].double().numpy()
    nodes = [int(taxonomy.leaf_node_C[c]) for c in scores.top_BK[0].tolist()]
    for asked in range(1, taxonomy.n_nodes):
        start, stop = taxonomy.leaf_start_N[asked], taxonomy.leaf_stop_N[asked]
        if start <= scores.top_BK[0, 0] < stop:
            continue
        explainer = Explainer(taxonomy, bank, TextScorer(), CARD, scorer_name="the scorer text", asked=asked)
        told = explainer.explain(logits, {}, 0, probabilities, X, nodes)
        assert told.is_asked_for and told.remainders == ()
        expected = exact_C.max() - np.logaddexp.reduce(exact_C[start:stop])
        assert told.margin == pytest.approx(expected, abs=2e-4)
