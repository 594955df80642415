"""Explains a decision by the prompts that made it.

The margin of the winner w over the runner-up r is log(P(w) / P(r)), which for the softmax of class logits is the difference
of their logits. Class logits are linear in the prompts' similarities (all three poolings): with logit scale s, pooling
coefficients a and model bias b, logit = s·Σ a_p·cos(image, p) + b.

A cosine by itself says little: on CLIP and BioCLIP any text scores some 0.2 to 0.3 on any image. So each prompt is compared
with what the mean text of the list scores on this image, c = image · m̄ (m̄: `TextBank.mean_D`):

    contribution of p = ± s·a_p·(cos(image, p) - c),  + for the winner's prompts, - for the runner-up's

A descriptor of the winner that scores below c is evidence against the winner. The contributions sum to the margin:

- for `mean` and `max`, Σ a_p = 1 for each class, and c cancels exactly;
- for `ensemble`, Σ a_p = 1/|m| differs by class: s·c·(Σ a_w - Σ a_r) is a remainder of its own;
- without a runner-up the margin is the winner's logit, and s·c·Σ a_w is a remainder;
- for two taxa above the classes, the prompts are those of the best class of each; the other classes are a remainder;
- what adjustments (priors) added is a remainder by their name;
- for a head that is no softmax (with prompts of inner taxa, say), what it made of the logits beyond this is a remainder.

A calibration's temperature divides s and b.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import torch

from bioclip_x.capabilities import HeadCapabilities
from bioclip_x.components import Scorer
from bioclip_x.explain.contrast import (
    ComparedTaxon,
    ScoredImage,
    format_class_name,
    make_distinct_names,
    select_compared_taxa,
)
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.recipe import Recipe
from bioclip_x.records import Explanation, Logits, ModelCard, Prompt, PromptContribution, Remainder, TextBank
from bioclip_x.records.explanation import MEAN_TEXT, name_other_classes
from bioclip_x.taxonomy import Taxonomy

ROUNDING: Final = 2e-4
"""Logits and probabilities are float32: a smaller remainder that has no known cause is rounding."""
RELATIVE: Final = 2e-6
"""And so is one smaller than this part of the logit scale, or of the two margins that it is the difference of."""
SUMS_TO_ONE: Final = 1e-5
"""Pooling coefficients, float32, whose sum differs from 1 by less are a weighted mean."""
SIGNS: Final = (1.0, -1.0)

Offsets = Mapping[str, torch.Tensor]


class CalibratedScale(Protocol):
    """A model's card, logit scale and bias divided by a calibration's temperature; and that temperature."""

    @property
    def card(self) -> ModelCard: ...

    @property
    def temperature(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _ScoredPrompt:
    """One prompt's similarity; its signed part of the margin (raw), and that relative to the mean text (contribution)."""

    prompt: Prompt
    similarity: float
    raw: float
    contribution: float


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains the decisions of one classifier.

    card: of the model, as calibrated. temperature: by which logits, offsets of adjustments included, were divided.
    scorer_name: what to call the scorer. head_name: what to call the head; "" for a head that is a softmax. asked: the taxon
    to compare with in place of the second best.
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
        """Why the first of `nodes` (those reported of image `row`, best first) and not the second, or not `asked`.

        logits: that the head got. offsets: what each adjustment added to them, before any temperature: float32 [C, B] or
        [C, 1]. embedding_D: float32 [D], L2-normalised.
        """
        image = ScoredImage(logits, row, probabilities)
        compared, is_asked_for = select_compared_taxa(self.taxonomy, image, nodes, self.asked)
        baseline = self._baseline(embedding_D)
        prompts = [self._score(embedding_D, one.class_index, sign, baseline) for one, sign in zip(compared, SIGNS)]
        names = [*make_distinct_names(self.taxonomy, compared), ""]
        raw = math.fsum(one.raw for side in prompts for one in side)
        others = tuple(self._remainders(image, offsets, compared, raw, any(prompts), names))
        remainders = (*self._mean_text(prompts, raw), *others)
        classes = [format_class_name(self.taxonomy, one.class_index) for one in compared] + [""]
        return Explanation(
            winner=names[0],
            runner_up=names[1],
            winner_class=classes[0],
            runner_up_class=classes[1],
            margin=raw + math.fsum(one.contribution for one in others),
            contributions=tuple(self._contributions(compared, prompts)),
            rest=math.fsum(one.contribution for one in remainders),
            remainders=remainders,
            is_asked_for=is_asked_for,
            baseline=baseline if any(prompts) else None,
        )

    def _baseline(self, embedding_D: torch.Tensor) -> float:
        """c: what the mean text of the list scores on the image."""
        return 0.0 if self.bank.mean_D is None else float(self.bank.mean_D @ embedding_D.double())

    def _score(self, embedding_D: torch.Tensor, class_index: int, sign: float, baseline: float) -> list[_ScoredPrompt]:
        """The prompts of a class, the strongest for it first."""
        rows = self.bank.of_class(class_index)
        similarities = (self.bank.embeddings_PD[rows].double() @ embedding_D.double()).tolist()
        coefficients = self.scorer.coefficients(embedding_D, self.bank, class_index).tolist()
        scale = sign * self.card.logit_scale
        total = math.fsum(coefficients)
        mean_by = total if abs(total - 1) < SUMS_TO_ONE else 1.0  # exactly 1 in sum, where they are a weighted mean
        scored = [
            _ScoredPrompt(prompt, similarity, scale * a * similarity, scale * (a * similarity - a / mean_by * baseline) + 0.0)
            for prompt, similarity, a in zip(self.bank.prompts[rows], similarities, coefficients)
        ]  # fmt: skip
        scored.sort(key=lambda one: -one.contribution * sign)
        return scored

    def _mean_text(self, prompts: Sequence[Sequence[_ScoredPrompt]], raw: float) -> Iterator[Remainder]:
        """What does not cancel of the mean text."""
        left = raw - math.fsum(one.contribution for side in prompts for one in side)
        if abs(left) > 1e-9 * max(1.0, self.card.logit_scale):
            yield Remainder(MEAN_TEXT, left, "mean text")

    def _contributions(
        self, compared: Sequence[ComparedTaxon], prompts: Sequence[Sequence[_ScoredPrompt]]
    ) -> Iterator[PromptContribution]:
        """The records; phrases of both classes have their net contribution."""
        phrases = [{_key(one.prompt) for one in side if one.prompt.phrase} for side in prompts]
        shared = phrases[0].intersection(*phrases[1:]) if len(phrases) > 1 else set()
        net = {
            key: math.fsum(one.contribution for side in prompts for one in side if _key(one.prompt) == key)
            for key in shared
        }
        for taxon, one in ((taxon, one) for taxon, side in zip(compared, prompts) for one in side):
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
                n_classes=self._n_classes[_key(prompt)] if prompt.phrase else 1,
                net=net.get(_key(prompt)) if prompt.phrase else None,
            )

    @cached_property
    def _n_classes(self) -> Counter[str]:
        """Phrase → how many classes have it."""
        owners = {(_key(prompt), prompt.class_index) for prompt in self.bank.prompts if prompt.phrase}
        return Counter(key for key, _ in owners)

    def _remainders(
        self,
        image: ScoredImage,
        offsets: Offsets,
        compared: Sequence[ComparedTaxon],
        raw: float,
        has_prompts: bool,
        names: Sequence[str],
    ) -> Iterator[Remainder]:
        """The parts of the margin that no prompt made. raw: the part that the prompts made."""
        for taxon, name, sign in zip(compared, names, SIGNS):
            is_excluded = taxon.log_probability == -math.inf
            others = 0.0 if is_excluded else taxon.log_probability - taxon.log_class_probability
            if others > ROUNDING:
                yield Remainder(name_other_classes(name), sign * others, "classes")
        known = 0.0
        for name, offsets_CB in offsets.items():
            column = image.row if offsets_CB.shape[1] > 1 else 0
            added = [
                sign * float(offsets_CB[taxon.class_index, column]) / self.temperature
                for taxon, sign in zip(compared, SIGNS)
            ]
            known += math.fsum(added)
            if math.fsum(added):
                yield Remainder(name, math.fsum(added), "adjustment")
        yield from self._scorer_and_head(image, compared, raw, has_prompts, known)

    def _scorer_and_head(
        self, image: ScoredImage, compared: Sequence[ComparedTaxon], made: float, has_prompts: bool, known: float
    ) -> Iterator[Remainder]:
        """What neither prompts (`made`) nor adjustments (`known`) have made: bias, a scorer without prompts, the head."""
        if math.isinf(known):  # the runner-up is excluded, and nothing more can be said
            return
        is_alone = len(compared) == 1
        if not has_prompts:
            made = math.fsum(sign * image.logit(taxon.class_index) for taxon, sign in zip(compared, SIGNS)) - known
            yield Remainder(self.scorer_name, made, "scores")
        elif is_alone and self.card.logit_bias:
            yield Remainder("the model's bias", self.card.logit_bias, "bias")
            made += self.card.logit_bias
        if math.isinf(made):
            return
        if is_alone:
            whole = image.logit(compared[0].class_index)
        else:
            whole = compared[0].log_class_probability - compared[1].log_class_probability
        rounding = ROUNDING + RELATIVE * max(abs(self.card.logit_scale), abs(made), abs(whole))
        if abs(left := whole - known - made) > rounding:
            is_heads = self.head_name and not is_alone
            yield Remainder(*((self.head_name, left, "head") if is_heads else (self.scorer_name, left, "scores")))


def make_explainer(
    recipe: Recipe,
    taxonomy: Taxonomy,
    bank: TextBank,
    scorer: Scorer,
    head: HeadCapabilities,
    scale: CalibratedScale,
    asked: int | None,
) -> Explainer | None:
    """Explains the decisions of a recipe's classifier; None where the recipe wants no explanations.

    scale: the model's card and the temperature, as the calibration has them.
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


def _key(prompt: Prompt) -> str:
    """Phrases that differ only in case are one."""
    return prompt.phrase.casefold()
