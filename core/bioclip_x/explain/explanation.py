"""Explains a decision by the contributions of prompts.

The margin of the winner w over the runner-up r is log(P(w) / P(r)), which for the softmax of class logits is the difference
of their logits. Class logits are linear in the prompts' similarities (all three poolings): with logit scale s, pooling
coefficients a and model bias b, logit = s·Σ a_p·cos(image, p) + b.

A cosine by itself says little: with CLIP and BioCLIP any text scores about 0.2 to 0.3 on any image. So each prompt is
compared with the score of the list's mean text on this image, c = image · m̄ (m̄: `TextBank.mean_D`):

    contribution of p = ± s·a_p·(cos(image, p) - c),  + for the winner's prompts, - for the runner-up's

A descriptor of the winner that scores below c is evidence against the winner. The contributions sum to the margin:

- for `mean` and `max`, Σ a_p = 1 for each class, and c cancels exactly;
- for `ensemble`, Σ a_p = 1/|m| differs by class: s·c·(Σ a_w - Σ a_r) is a separate remainder;
- without a runner-up the margin is the winner's logit, and s·c·Σ a_w is a remainder;
- for two taxa above the classes, the prompts are those of the best class of each; the other classes are a remainder;
- what an adjustment (a prior) adds is a remainder with its name;
- for a head other than a softmax, the difference between its margin and that of the logits is a remainder.

A calibration's temperature divides s and b.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol, cast

import torch

from bioclip_x.explain.contrast import (
    ComparedTaxon,
    ScoredImage,
    format_class_name,
    make_distinct_names,
    select_compared_taxa,
)
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import HeadCapabilities, ScorerCapabilities, get_capabilities
from bioclip_x.hooks.components import ExampleScorer, Scorer
from bioclip_x.hooks.returned import check_coefficients, check_type
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.recipe import Recipe
from bioclip_x.records import (
    Explanation,
    Logits,
    ModelCard,
    NearestImage,
    Prompt,
    PromptContribution,
    Remainder,
    TextBank,
)
from bioclip_x.records.explanation import MEAN_TEXT, name_other_classes
from bioclip_x.taxonomy import Taxonomy

ROUNDING: Final = 2e-4
"""Smaller remainders without a known cause are rounding errors: logits and probabilities are float32."""
RELATIVE: Final = 2e-6
"""The same, relative to the logit scale and to the two margins whose difference the remainder is."""
SUMS_TO_ONE: Final = 1e-5
"""Float32 pooling coefficients whose sum differs from 1 by less are a weighted mean."""
SIGNS: Final = (1.0, -1.0)

Offsets = Mapping[str, torch.Tensor]


class CalibratedScale(Protocol):
    """A model card whose logit scale and bias are divided by a calibration's temperature, and that temperature."""

    @property
    def card(self) -> ModelCard: ...

    @property
    def temperature(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _ScoredPrompt:
    """One prompt's similarity, its signed part of the margin (raw), and the same relative to the mean text (contribution)."""

    prompt: Prompt
    similarity: float
    raw: float
    contribution: float


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains the decisions of one classifier.

    card: of the model, calibrated. temperature: by which logits, including offsets of adjustments, were divided.
    scorer_name, head_name: names for remainders; head_name is "" for a softmax head. asked: the node to compare with instead
    of the second best.
    """

    taxonomy: Taxonomy
    bank: TextBank
    scorer: Scorer
    card: ModelCard
    temperature: float = 1.0
    scorer_name: str = ""
    head_name: str = ""
    asked: int | None = None

    def explain(
        self,
        logits: Logits,
        offsets: Offsets,
        row: int,
        probabilities: NodeProbabilities,
        embedding_D: torch.Tensor,
        nodes: Sequence[int],
    ) -> Explanation:
        """Explains why image `row` is the first of `nodes` (those reported, best first) and not the second, or not `asked`.

        logits: the head's input. offsets: what each adjustment added to them, before any temperature: float32 [C, B] or
        [C, 1]. embedding_D: float32 [D], L2-normalised.
        """
        image = ScoredImage(logits, row, probabilities)
        compared, is_asked_for = select_compared_taxa(self.taxonomy, image, nodes, self.asked)
        baseline = self._compute_baseline(embedding_D)
        prompts = [
            self._score_prompts(embedding_D, taxon.class_index, sign, baseline) for taxon, sign in zip(compared, SIGNS)
        ]
        names = [*make_distinct_names(self.taxonomy, compared), ""]
        raw = math.fsum(one.raw for of_class in prompts for one in of_class)
        others = tuple(self._iterate_remainders(image, offsets, compared, raw, any(prompts), names))
        remainders = (*self._iterate_mean_text_remainder(prompts, raw), *others)
        classes = [format_class_name(self.taxonomy, taxon.class_index) for taxon in compared] + [""]
        return Explanation(
            winner=names[0],
            runner_up=names[1],
            winner_class=classes[0],
            runner_up_class=classes[1],
            margin=raw + math.fsum(one.contribution for one in others),
            contributions=tuple(self._iterate_contributions(compared, prompts)),
            rest=math.fsum(one.contribution for one in remainders),
            remainders=remainders,
            is_asked_for=is_asked_for,
            baseline=baseline if any(prompts) else None,
            examples=tuple(self._iterate_examples(embedding_D, compared)),
        )

    def _iterate_examples(self, embedding_D: torch.Tensor, compared: Sequence[ComparedTaxon]) -> Iterator[NearestImage]:
        """Yields the examples of the compared classes that are nearest to the image."""
        if not get_capabilities(self.scorer, ScorerCapabilities).support_option:
            return
        scorer = cast(ExampleScorer, self.scorer)
        for taxon in compared:
            name = format_class_name(self.taxonomy, taxon.class_index)
            with naming(scorer, "nearest", name):
                nearest = list(scorer.nearest(embedding_D, taxon.class_index))
            for one in nearest:
                yield replace(check_type(scorer, "nearest", one, NearestImage, name), class_name=name)

    def _compute_baseline(self, embedding_D: torch.Tensor) -> float:
        """Computes c, the score of the list's mean text on the image."""
        return 0.0 if self.bank.mean_D is None else float(self.bank.mean_D @ embedding_D.double())

    def _score_prompts(
        self, embedding_D: torch.Tensor, class_index: int, sign: float, baseline: float
    ) -> list[_ScoredPrompt]:
        """Scores the prompts of a class; returns those with the strongest evidence for it first."""
        rows = self.bank.of_class(class_index)
        if not self.bank.prompts[rows]:  # the scorer reads no texts
            return []
        similarities = (self.bank.embeddings_PD[rows].double() @ embedding_D.double()).tolist()
        with naming(self.scorer, "coefficients", self.taxonomy.class_taxon(class_index).name):
            returned = self.scorer.coefficients(embedding_D, self.bank, class_index)
        coefficients = check_coefficients(self.scorer, returned, len(similarities))
        scale = sign * self.card.logit_scale
        total = math.fsum(coefficients)
        divisor = total if abs(total - 1) < SUMS_TO_ONE else 1.0  # makes the sum of a weighted mean exactly 1
        scored = [
            _ScoredPrompt(prompt, similarity, scale * a * similarity, scale * (a * similarity - a / divisor * baseline) + 0.0)
            for prompt, similarity, a in zip(self.bank.prompts[rows], similarities, coefficients)
        ]  # fmt: skip
        scored.sort(key=lambda one: -one.contribution * sign)
        return scored

    def _iterate_mean_text_remainder(
        self, prompts: Sequence[Sequence[_ScoredPrompt]], raw: float
    ) -> Iterator[Remainder]:
        """Yields the part of the mean text's score that does not cancel, if any."""
        difference = raw - math.fsum(one.contribution for of_class in prompts for one in of_class)
        if abs(difference) > 1e-9 * max(1.0, self.card.logit_scale):
            yield Remainder(MEAN_TEXT, difference, "mean text")

    def _iterate_contributions(
        self, compared: Sequence[ComparedTaxon], prompts: Sequence[Sequence[_ScoredPrompt]]
    ) -> Iterator[PromptContribution]:
        """Yields the contribution of each prompt, with the net contribution of phrases that both classes have."""
        phrases = [{_make_phrase_key(one.prompt) for one in of_class if one.prompt.phrase} for of_class in prompts]
        shared = phrases[0].intersection(*phrases[1:]) if len(phrases) > 1 else set()
        net = {
            key: math.fsum(
                one.contribution for of_class in prompts for one in of_class if _make_phrase_key(one.prompt) == key
            )
            for key in shared
        }
        for taxon, one in ((taxon, one) for taxon, of_class in zip(compared, prompts) for one in of_class):
            prompt = one.prompt
            yield PromptContribution(
                phrase=prompt.phrase,
                text=prompt.text,
                kind=prompt.kind,
                source=prompt.source,
                class_index=taxon.class_index,
                similarity=one.similarity,
                contribution=one.contribution,
                taxon=prompt.taxon,
                rank=prompt.rank,
                n_classes=self._n_classes[_make_phrase_key(prompt)] if prompt.phrase else 1,
                net=net.get(_make_phrase_key(prompt)) if prompt.phrase else None,
            )

    @cached_property
    def _n_classes(self) -> Counter[str]:
        """Phrase → number of classes that have it."""
        owners = {(_make_phrase_key(prompt), prompt.class_index) for prompt in self.bank.prompts if prompt.phrase}
        return Counter(key for key, _ in owners)

    def _iterate_remainders(
        self,
        image: ScoredImage,
        offsets: Offsets,
        compared: Sequence[ComparedTaxon],
        raw: float,
        has_prompts: bool,
        names: Sequence[str],
    ) -> Iterator[Remainder]:
        """Yields the parts of the margin that do not come from prompts. raw: the part that does."""
        for taxon, name, sign in zip(compared, names, SIGNS):
            is_excluded = taxon.log_probability == -math.inf
            others = 0.0 if is_excluded else taxon.log_probability - taxon.log_class_probability
            if others > ROUNDING:
                yield Remainder(name_other_classes(name), sign * others, "classes")
        adjustments = 0.0
        for name, offsets_CB in offsets.items():
            column = image.row if offsets_CB.shape[1] > 1 else 0
            added = _subtract([float(offsets_CB[taxon.class_index, column]) / self.temperature for taxon in compared])
            adjustments += added
            if added:
                yield Remainder(name, added, "adjustment")
        yield from self._iterate_scorer_and_head_remainders(image, compared, raw, has_prompts, adjustments)

    def _iterate_scorer_and_head_remainders(
        self,
        image: ScoredImage,
        compared: Sequence[ComparedTaxon],
        scores: float,
        has_prompts: bool,
        adjustments: float,
    ) -> Iterator[Remainder]:
        """Yields what comes from the bias, from a scorer without prompts, and from the head.

        scores, adjustments: the parts of the margin that come from prompts and from adjustments.
        """
        if math.isinf(adjustments):  # the runner-up is excluded: no finite remainder
            return
        has_runner_up = len(compared) > 1
        if not has_prompts:
            scores = _subtract([image.logit(taxon.class_index) for taxon in compared]) - adjustments
            yield Remainder(self.scorer_name, scores, "scores")
        elif self.card.logit_bias and not has_runner_up:
            yield Remainder("the model's bias", self.card.logit_bias, "bias")
            scores += self.card.logit_bias
        if math.isinf(scores):
            return
        if has_runner_up:
            margin = compared[0].log_class_probability - compared[1].log_class_probability
        else:
            margin = image.logit(compared[0].class_index)
        rounding = ROUNDING + RELATIVE * max(abs(self.card.logit_scale), abs(scores), abs(margin))
        rest = margin - adjustments - scores
        if abs(rest) > rounding:
            is_from_head = self.head_name and has_runner_up
            yield Remainder(*((self.head_name, rest, "head") if is_from_head else (self.scorer_name, rest, "scores")))


def make_explainer(
    recipe: Recipe,
    taxonomy: Taxonomy,
    bank: TextBank,
    scorer: Scorer,
    head: HeadCapabilities,
    scale: CalibratedScale,
    asked: int | None,
) -> Explainer | None:
    """Makes the explainer of a recipe's classifier; None where the recipe switches explanations off.

    scale: the calibrated model card and the temperature.
    """
    if not recipe.explain:
        return None
    return Explainer(
        taxonomy,
        bank,
        scorer,
        scale.card,
        temperature=scale.temperature,
        scorer_name=f"the scorer {recipe.scorer}",
        head_name="" if head.is_softmax else f"the head {recipe.head}",
        asked=asked,
    )


def _subtract(values: Sequence[float]) -> float:
    """Returns the first value, or the first minus the second; 0 where both are -inf, as of two excluded classes."""
    first, *others = values
    return first if not others else 0.0 if first == others[0] else first - others[0]


def _make_phrase_key(prompt: Prompt) -> str:
    """Makes the key of a phrase: phrases that differ only in case are the same."""
    return prompt.phrase.casefold()
