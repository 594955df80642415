"""Opens a decision up to the prompts that made it.

With class logits linear in the prompts' similarities (pooling mean and ensemble) the margin of the winner w over the
runner-up r is a sum over their prompts, logit scale s and pooling coefficients a:

    logit_w - logit_r = Σ_{p of w} s·a_p·cos(image, p) - Σ_{p of r} s·a_p·cos(image, p)

so each prompt's signed term is its contribution, exactly. Whatever else made the margin stands in `rest`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from bioclip_x.components import Scorer
from bioclip_x.pipeline.predict import reported_taxon
from bioclip_x.records import Explanation, ModelCard, PromptShare, Taxon, TextBank
from bioclip_x.taxonomy import Taxonomy


def explain(
    taxonomy: Taxonomy,
    bank: TextBank,
    scorer: Scorer,
    card: ModelCard,
    embedding_D: torch.Tensor,
    logits_C: torch.Tensor,
    nodes: Sequence[int],
) -> Explanation:
    """Why the first of `nodes` (the reported ones, best first) and not the second; alone, why at all.

    embedding_D: float32 [D], L2-normalised. logits_C: float32 [C].
    """
    sides = [_Side(taxonomy, node, logits_C, sign) for node, sign in zip(nodes, (1.0, -1.0))]
    shares = [share for side in sides for share in _shares(bank, scorer, card, embedding_D, side)]
    margin = math.fsum(side.sign * side.logit for side in sides)
    names = [*_apart([side.taxon for side in sides]), ""]
    classes = [taxonomy.class_taxon(side.best).name for side in sides] + [""]
    return Explanation(
        winner=names[0],
        runner_up=names[1],
        winner_class=classes[0],
        runner_up_class=classes[1],
        margin=margin,
        shares=tuple(shares),
        rest=margin - math.fsum(share.contribution for share in shares),
    )


def _apart(taxa: Sequence[Taxon]) -> list[str]:
    """Their names; of two that have the same, each with the highest ancestor that tells them apart."""
    names = [taxon.name for taxon in taxa]
    if len(set(names)) == len(names):
        return names
    for one, other in zip(*(taxon.lineage for taxon in taxa)):
        if one != other:
            return [f"{name} ({ancestor})" for name, (_, ancestor) in zip(names, (one, other))]
    return names


class _Side:
    """One of the two taxa: its taxon, its logit (logsumexp over its classes), its best class."""

    def __init__(self, taxonomy: Taxonomy, node: int, logits_C: torch.Tensor, sign: float) -> None:
        start, stop = int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node])
        self.taxon = reported_taxon(taxonomy, node)
        self.best = start + int(logits_C[start:stop].argmax())
        self.logit = float(torch.logsumexp(logits_C[start:stop].double(), 0))
        self.sign = sign


def _shares(
    bank: TextBank, scorer: Scorer, card: ModelCard, embedding_D: torch.Tensor, side: _Side
) -> list[PromptShare]:
    rows = bank.of_class(side.best)
    similarities = bank.embeddings_PD[rows].double() @ embedding_D.double()
    coefficients = scorer.coefficients(embedding_D, bank, side.best)
    shares = [
        PromptShare(
            phrase=prompt.phrase,
            text=prompt.text,
            kind=prompt.kind,
            source=prompt.source,
            class_index=side.best,
            similarity=float(similarity),
            contribution=side.sign * card.logit_scale * float(coefficient) * float(similarity) + 0.0,  # never -0.0
        )
        for prompt, similarity, coefficient in zip(bank.prompts[rows], similarities, coefficients)
    ]
    return sorted(shares, key=lambda share: -share.contribution * side.sign)
