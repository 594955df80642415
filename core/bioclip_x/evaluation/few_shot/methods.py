"""The methods of few-shot evaluation by name: each makes a classifier from a fold's support.

Legend: n support images, m query images, C classes of the fold, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.few_shot.key_value_cache import ALPHA, BETA, compute_cache_logits
from bioclip_x.evaluation.few_shot.nearest import fit_simple_shot
from bioclip_x.evaluation.few_shot.probes import fit_logistic_regression, fit_ridge
from bioclip_x.hooks.options import BARE, parse_ref


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """embeddings_nD: float64 [n, D], unit length. class_n: int64 [n], has all of 0 … n_classes - 1. scale: the model's logit
    scale."""

    embeddings_nD: Floats
    class_n: Ints
    n_classes: int
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """embeddings_mD: float64 [m, D], unit length. text_mC: float64 [m, C], the zero-shot logits of the fold's classes; empty
    [0, 0] for methods without texts."""

    embeddings_mD: Floats
    text_mC: Floats


Classify = Callable[[Queries], Floats]
"""Queries → scores [m, C]."""


@dataclass(frozen=True, slots=True)
class Method:
    """name: as requested, with options. fit: makes the classifier of a support. needs_texts: whether it uses zero-shot logits."""

    name: str
    fit: Callable[[Support], Classify]
    needs_texts: bool


def _fit_zero_shot(support: Support) -> Classify:
    return lambda queries: queries.text_mC


def _fit_simple_shot(support: Support) -> Classify:
    nearest = fit_simple_shot(support.embeddings_nD, support.class_n, support.n_classes)
    return lambda queries: support.scale * nearest.score(queries.embeddings_mD)


def _fit_ridge(support: Support, alpha: float) -> Classify:
    score = fit_ridge(support.embeddings_nD, support.class_n, alpha=alpha)
    return lambda queries: score(queries.embeddings_mD)


def _fit_logistic(support: Support, C: float) -> Classify:
    score = fit_logistic_regression(support.embeddings_nD, support.class_n, inverse_strength=C)
    return lambda queries: score(queries.embeddings_mD)


def _fit_blend(support: Support, zero_shot: float) -> Classify:
    """Weights the logits of texts and of SimpleShot by zero_shot and 1 - zero_shot."""
    if not 0 <= zero_shot <= 1:
        raise EvaluationError(f"blend: zero_shot is the weight of the texts, from 0 to 1; got {zero_shot:g}")
    simple_shot = _fit_simple_shot(support)
    return lambda queries: zero_shot * queries.text_mC + (1 - zero_shot) * simple_shot(queries)


def _fit_tip_adapter(support: Support, alpha: float, beta: float) -> Classify:
    def score(queries: Queries) -> Floats:
        added_mC = compute_cache_logits(
            queries.embeddings_mD, support.embeddings_nD, support.class_n, support.n_classes, alpha=alpha, beta=beta
        )
        scores: Floats = queries.text_mC + added_mC
        return scores

    return score


_METHODS: Final[Mapping[str, tuple[Callable[..., Classify], Mapping[str, float], bool]]] = {
    "zero-shot": (_fit_zero_shot, {}, True),
    "simpleshot": (_fit_simple_shot, {}, False),
    "ridge": (_fit_ridge, {"alpha": 1.0}, False),
    "logistic": (_fit_logistic, {"C": 1.0}, False),
    "blend": (_fit_blend, {"zero_shot": 0.5}, True),
    "tip-adapter": (_fit_tip_adapter, {"alpha": ALPHA, "beta": BETA}, True),
}
"""Name → how it is fitted, its options with their defaults, whether it needs texts."""
METHODS: Final = tuple(_METHODS)


def parse_method(text: str) -> Method:
    """Makes a method from `name:option=value,…`. Raises EvaluationError for an unknown name or option, or for no number.

    >>> parse_method("tip-adapter:alpha=2").needs_texts
    True
    """
    ref = parse_ref(text)
    if ref.name not in _METHODS:
        raise EvaluationError(f"no few-shot method {ref.name!r}; known: {', '.join(METHODS)}")
    fit, defaults, needs_texts = _METHODS[ref.name]
    given = {next(iter(defaults), key) if key == BARE else key: value for key, value in ref.options.items()}
    if unknown := given.keys() - defaults.keys():
        known = ", ".join(f"{name} (default {value:g})" for name, value in defaults.items()) or "none"
        raise EvaluationError(f"{text}: no option {min(unknown) or 'without a name'!r}; known: {known}")
    options = {}
    for key, value in {**defaults, **given}.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise EvaluationError(f"{text}: expected a number from 0 for {key}, got {value!r}")
        options[key] = float(value)
    return Method(text, partial(fit, **options), needs_texts)
