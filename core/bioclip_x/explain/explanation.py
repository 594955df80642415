"""Opens a decision up to the prompts that made it.

The margin of the winner w over the runner-up r is log(share_w / share_r), which for the softmax of class logits is the
difference of the logits. With class logits linear in the prompts' similarities (all three poolings), logit scale s and
pooling coefficients a, it is

    margin = Σ_{p of w} s·a_p·cos(image, p) - Σ_{p of r} s·a_p·cos(image, p) + remainders

so each prompt's signed term is its contribution, exactly. Where the two are above the classes, the prompts are those of the
best class of each, and the other classes are a remainder; so is what was added to the logits (priors), and what a head
that is no softmax made of them. A calibration's temperature is part of s.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import torch

from bioclip_x.components import Head, Scorer
from bioclip_x.explain.contrast import Scored, Side, class_name, names_apart, two_sides
from bioclip_x.inference.calibration import Calibrated
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.recipe import Recipe
from bioclip_x.records import Explanation, Logits, ModelCard, Prompt, PromptShare, Remainder, TextBank
from bioclip_x.records.explanation import others_of
from bioclip_x.taxonomy import Taxonomy

ROUNDING: Final = 2e-4
"""Logits and shares are float32: a remainder smaller than this, that nothing is known to have made, is none."""
RELATIVE: Final = 2e-6
"""And one smaller than this part of the logit scale, or of the two margins that differ by it."""
SIGNS: Final = (1.0, -1.0)


@dataclass(frozen=True, slots=True)
class _Said:
    """One prompt's similarity, and its signed part of the margin."""

    prompt: Prompt
    similarity: float
    contribution: float


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains the decisions of one classifier.

    card: of the model, as calibrated. temperature: by which the logits, priors included, were divided.
    scorer_name: what to call the scorer. head_name: what to call the head; "" for one whose shares are the softmax of the
    logits. asked: the taxon to compare with in place of the second best.
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
        self, logits: Logits, row: int, shares: NodeProbabilities, embedding_D: torch.Tensor, nodes: Sequence[int]
    ) -> Explanation:
        """Why the first of `nodes` (what is reported of picture `row`, best first) and not the second, or not `asked`.

        logits: that the head got. embedding_D: float32 [D], L2-normalised.
        """
        scored = Scored(logits, row, shares)
        sides, is_asked_for = two_sides(self.taxonomy, scored, nodes, self.asked)
        said = [self._said(embedding_D, side.best, sign) for side, sign in zip(sides, SIGNS)]
        names = [*names_apart(self.taxonomy, sides), ""]
        remainders = tuple(self._remainders(scored, sides, said, names))
        rest = math.fsum(one.contribution for one in remainders)
        classes = [class_name(self.taxonomy, side.best) for side in sides] + [""]
        return Explanation(
            winner=names[0],
            runner_up=names[1],
            winner_class=classes[0],
            runner_up_class=classes[1],
            margin=math.fsum(one.contribution for side in said for one in side) + rest,
            shares=tuple(self._shares(sides, said)),
            rest=rest,
            remainders=remainders,
            is_asked_for=is_asked_for,
        )

    def _said(self, embedding_D: torch.Tensor, class_index: int, sign: float) -> list[_Said]:
        """What each prompt of a class did, the strongest first."""
        rows = self.bank.of_class(class_index)
        similarities = (self.bank.embeddings_PD[rows].double() @ embedding_D.double()).tolist()
        coefficients = self.scorer.coefficients(embedding_D, self.bank, class_index).tolist()
        scale = sign * self.card.logit_scale
        said = [
            _Said(prompt, similarity, scale * coefficient * similarity + 0.0)  # never -0.0
            for prompt, similarity, coefficient in zip(self.bank.prompts[rows], similarities, coefficients)
        ]
        said.sort(key=lambda one: -one.contribution * sign)
        return said

    def _shares(self, sides: Sequence[Side], said: Sequence[Sequence[_Said]]) -> Iterator[PromptShare]:
        """The records, with what two classes have in common told as one."""
        phrases = [{_key(one.prompt) for one in some if one.prompt.phrase} for some in said]
        both = phrases[0].intersection(*phrases[1:]) if len(phrases) > 1 else set()
        net = {
            key: math.fsum(one.contribution for some in said for one in some if _key(one.prompt) == key) for key in both
        }
        for side, one in ((side, one) for side, of_side in zip(sides, said) for one in of_side):
            prompt = one.prompt
            yield PromptShare(
                phrase=prompt.phrase,
                text=prompt.text,
                kind=prompt.kind,
                source=prompt.source,
                class_index=side.best,
                similarity=one.similarity,
                contribution=one.contribution,
                taxon=prompt.taxon,
                rank=prompt.rank,
                n_classes=self._n_classes[_key(prompt)] if prompt.phrase else 1,
                net=net.get(_key(prompt)) if prompt.phrase else None,
            )

    @cached_property
    def _n_classes(self) -> Counter[str]:
        """Of how many classes each phrase is said."""
        said = {(_key(prompt), prompt.class_index) for prompt in self.bank.prompts if prompt.phrase}
        return Counter(key for key, _ in said)

    def _remainders(
        self, scored: Scored, sides: Sequence[Side], said: Sequence[Sequence[_Said]], names: Sequence[str]
    ) -> Iterator[Remainder]:
        """What of the margin no prompt has made. Nothing that only one of the two has is lost in a difference."""
        for side, name, sign in zip(sides, names, SIGNS):
            others = side.log_share - side.log_of_best if side.log_share > -math.inf else 0.0
            if others > ROUNDING:
                yield Remainder(others_of(name), sign * others, "classes")
        known = 0.0
        for name, offsets_CB in scored.logits.offsets.items():
            column = scored.row if offsets_CB.shape[1] > 1 else 0
            added = [sign * float(offsets_CB[side.best, column]) / self.temperature for side, sign in zip(sides, SIGNS)]
            known += math.fsum(added)
            if math.fsum(added):
                yield Remainder(name, math.fsum(added), "adjustment")
        yield from self._unknown(scored, sides, said, known)

    def _unknown(
        self, scored: Scored, sides: Sequence[Side], said: Sequence[Sequence[_Said]], known: float
    ) -> Iterator[Remainder]:
        """What neither prompts nor priors (`known`) have made: the scorer, where it has no texts, and the head."""
        if math.isinf(known):  # the runner-up is excluded, and nothing more can be told
            return
        made = math.fsum(one.contribution for side in said for one in side)
        is_alone = len(sides) == 1
        if not any(said):
            made = math.fsum(sign * scored.logit(side.best) for side, sign in zip(sides, SIGNS)) - known
            yield Remainder(self.scorer_name, made, "scores")
        elif is_alone and self.card.logit_bias:
            yield Remainder("the model's bias", self.card.logit_bias, "bias")
            made += self.card.logit_bias
        if math.isinf(made):
            return
        whole = scored.logit(sides[0].best) if is_alone else sides[0].log_of_best - sides[1].log_of_best
        rounding = ROUNDING + RELATIVE * max(abs(self.card.logit_scale), abs(made), abs(whole))
        if abs(left := whole - known - made) > rounding:
            is_heads = self.head_name and not is_alone
            yield Remainder(*((self.head_name, left, "head") if is_heads else (self.scorer_name, left, "scores")))


def explainer_of(
    recipe: Recipe,
    taxonomy: Taxonomy,
    bank: TextBank,
    scorer: Scorer,
    head: Head,
    calibrated: Calibrated,
    asked: int | None,
) -> Explainer | None:
    """What explains the decisions of a recipe's classifier; None where it wants none."""
    if not recipe.explain:
        return None
    return Explainer(
        taxonomy,
        bank,
        scorer,
        calibrated.card,
        temperature=calibrated.temperature,
        scorer_name=f"the scorer {recipe.scorer}",
        head_name="" if getattr(head, "is_softmax", False) else f"the head {recipe.head}",
        asked=asked,
    )


def _key(prompt: Prompt) -> str:
    """What makes two phrases one."""
    return prompt.phrase.casefold()
