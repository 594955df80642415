"""The classifiers, against scikit-learn, against the code of BioCLIP's evaluation, and against loops."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestCentroid

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.few_shot.key_value_cache import compute_cache_logits
from bioclip_x.evaluation.few_shot.methods import METHODS, Queries, Support, parse_method
from bioclip_x.evaluation.few_shot.nearest import centre_and_normalise, fit_simple_shot


def draw(
    n_classes: int = 6, shots: int = 3, queries: int = 80, noise: float = 0.9
) -> tuple[Floats, Ints, Floats, Ints]:
    rng = np.random.default_rng(1)
    means = rng.normal(size=(n_classes, 12)) + 2
    class_n, class_m = np.repeat(np.arange(n_classes), shots), rng.integers(0, n_classes, queries)
    support, query = (means[c] + noise * rng.normal(size=(len(c), 12)) for c in (class_n, class_m))
    return (
        support / np.linalg.norm(support, axis=1)[:, None],
        class_n,
        query / np.linalg.norm(query, axis=1)[:, None],
        class_m,
    )


def predict_as_bioclip(train: Floats, label: Ints, test: Floats, n_class: int, kshot: int) -> Ints:
    """`CL2N` and `get_acc` of BioCLIP's few_shot.py, up to the prediction."""

    def cl2n(x_flatten: Floats, x_mean: Floats) -> Floats:
        x_flatten = x_flatten - x_mean
        return np.asarray(x_flatten / np.linalg.norm(x_flatten, 2, 1)[:, None])

    mean = train.mean(axis=0)
    train, test = cl2n(train, mean), cl2n(test, mean)
    center = train.reshape(n_class, kshot, train.shape[-1]).mean(1)
    distance = np.linalg.norm(center[:, None, :] - test, 2, axis=-1)
    return np.asarray(label[::kshot][np.argmin(distance, axis=0)])


def test_simple_shot_predicts_what_bioclip_and_nearest_centroid_predict() -> None:
    support_nD, class_n, query_mD, class_m = draw()
    scores_mC = fit_simple_shot(support_nD, class_n, 6).score(query_mD)
    best_m = scores_mC.argmax(1)
    assert best_m.tolist() == predict_as_bioclip(support_nD, class_n, query_mD, 6, 3).tolist()
    mean_D = support_nD.mean(0)
    reference = NearestCentroid().fit(centre_and_normalise(support_nD, mean_D), class_n)
    assert best_m.tolist() == reference.predict(centre_and_normalise(query_mD, mean_D)).tolist()
    assert 0.3 < (best_m == class_m).mean() < 1  # neither trivial nor chance
    q, c = centre_and_normalise(query_mD, mean_D)[5], reference.centroids_[2]
    assert scores_mC[5, 2] == pytest.approx((1 - np.linalg.norm(q - c) ** 2) / 2, abs=1e-12)


def test_a_class_without_support_is_at_the_mean() -> None:
    support_nD, class_n, query_mD, _ = draw()
    scores_mC = fit_simple_shot(support_nD, class_n, 8).score(query_mD)
    np.testing.assert_allclose(scores_mC[:, :6], fit_simple_shot(support_nD, class_n, 6).score(query_mD))
    assert (scores_mC[:, 6:] == 0).all()


def test_the_cache_is_that_of_a_loop_over_support_images() -> None:
    support_nD, class_n, query_mD, _ = draw(queries=7)
    found_mC = compute_cache_logits(query_mD, support_nD, class_n, 7, alpha=1.7, beta=5.5)
    for m, query in enumerate(query_mD):
        expected = [0.0] * 7
        for image, c in zip(support_nD, class_n):
            expected[c] += 1.7 * math.exp(-5.5 * (1 - sum(a * b for a, b in zip(query, image))))
        np.testing.assert_allclose(found_mC[m], expected, atol=1e-12)


def classify(method: str, n_classes: int = 6) -> tuple[Floats, tuple[Floats, Ints, Floats, Ints], Floats]:
    data = draw(n_classes)
    support_nD, class_n, query_mD, _ = data
    text_mC = np.random.default_rng(2).normal(size=(len(query_mD), n_classes)) * 3
    support = Support(support_nD, class_n, n_classes, scale=20.0)
    return parse_method(method).fit(support)(Queries(query_mD, text_mC)), data, text_mC


def test_blends_and_cache_add_to_the_logits_of_texts() -> None:
    simple, data, text_mC = classify("simpleshot")
    support_nD, class_n, query_mD, _ = data
    np.testing.assert_allclose(simple, 20 * fit_simple_shot(support_nD, class_n, 6).score(query_mD))
    assert classify("zero-shot")[0] is not None and (classify("zero-shot")[0] == text_mC).all()
    np.testing.assert_allclose(classify("blend:zero_shot=0.3")[0], 0.3 * text_mC + 0.7 * simple)
    np.testing.assert_allclose(classify("blend:0.3")[0], 0.3 * text_mC + 0.7 * simple)
    added = compute_cache_logits(query_mD, support_nD, class_n, 6, alpha=2, beta=3)
    np.testing.assert_allclose(classify("tip-adapter:alpha=2,beta=3")[0], text_mC + added)


@pytest.mark.parametrize("n_classes", [2, 6])
def test_ridge_solves_its_normal_equations(n_classes: int) -> None:
    scores, (support_nD, class_n, query_mD, _), _ = classify("ridge:alpha=0.4", n_classes)
    targets = np.where(class_n[:, None] == np.arange(n_classes), 1.0, -1.0)
    reference = Ridge(0.4).fit(support_nD, targets).predict(query_mD)
    if n_classes == 2:
        reference /= 2  # one output, whose sign tells the two
    np.testing.assert_allclose(scores, reference, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 6])
def test_logistic_regression_has_the_probabilities_of_scikit_learn(n_classes: int) -> None:
    scores, (support_nD, class_n, query_mD, _), _ = classify("logistic:C=3", n_classes)
    share = np.exp(scores - scores.max(1, keepdims=True))
    reference = LogisticRegression(C=3, max_iter=1000).fit(support_nD, class_n).predict_proba(query_mD)
    np.testing.assert_allclose(share / share.sum(1, keepdims=True), reference, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nearest", "no few-shot method 'nearest'; known: zero-shot, simpleshot"),
        ("ridge:beta=2", "no option 'beta'; known: alpha"),
        ("simpleshot:3", "no option 'without a name'; known: none"),
        ("blend:zero_shot=much", "expected a number from 0"),
        ("ridge:alpha=-1", "expected a number from 0"),
    ],
)
def test_wrong_methods_are_refused_with_what_is_known(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        parse_method(text)


def test_a_weight_above_one_is_refused() -> None:
    with pytest.raises(EvaluationError, match="from 0 to 1; got 2"):
        classify("blend:zero_shot=2")


def test_probes_name_the_extra_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for method in ("ridge", "logistic"):
        with pytest.raises(EvaluationError, match=r"pip install 'bioclip-x\[evaluate\]'"):
            classify(method)
    for method in set(METHODS) - {"ridge", "logistic"}:
        classify(method)


def test_a_probe_of_one_class_is_refused() -> None:
    with pytest.raises(EvaluationError, match="two classes or more"):
        classify("ridge", n_classes=1)
