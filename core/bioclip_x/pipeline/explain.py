"""Opens a decision up to the prompts that made it.

With class logits linear in the prompts' similarities (pooling mean and ensemble) the margin of the winner w over the
runner-up r is a sum over their prompts, logit scale s and pooling coefficients a:

    logit_w - logit_r = Σ_{p of w} s·a_p·cos(image, p) - Σ_{p of r} s·a_p·cos(image, p)

so each prompt's signed term is its contribution, exactly. Whatever else made the margin stands in `rest`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bioclip_x.components import Scorer
from bioclip_x.pipeline.predict import Shares, reported_taxon
from bioclip_x.records import Explanation, Logits, ModelCard, PromptShare, Taxon, TextBank
from bioclip_x.taxonomy import Taxonomy


def explain(
    taxonomy: Taxonomy,
    bank: TextBank,
    scorer: Scorer,
    card: ModelCard,
    embedding_D: torch.Tensor,
    sides: Sequence[Side],
) -> Explanation:
    """Why the first of `sides` (the reported taxa, best first) and not the second; alone, why at all.

    embedding_D: float32 [D], L2-normalised.
    """
    signed = list(zip(sides, (1.0, -1.0)))
    shares = [share for side, sign in signed for share in _shares(bank, scorer, card, embedding_D, side.best, sign)]
    margin = math.fsum(sign * side.logit for side, sign in signed)
    names = [*_apart([reported_taxon(taxonomy, side.node) for side in sides]), ""]
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


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two taxa. best: its likeliest class. logit: of the class, or the logsumexp over a taxon's classes."""

    node: int
    best: int
    logit: float


def side(taxonomy: Taxonomy, logits: Logits, row: int, shares: Shares, node: int) -> Side:
    """The node in the terms of class logits, of picture `row`.

    That it has one of the best classes of all is the rule; its logit is then that class's, and the difference of their
    log-shares more. Otherwise its classes are scored again.
    """
    start, stop = int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node])
    best = next((c for c in shares.best if start <= c < stop), -1)
    if best >= 0:
        logit = float(logits.part(best, best + 1)[0, row])
        return Side(node, best, logit if stop - start == 1 else logit + shares.log(node) - shares.log_of_class[best])
    logits_c = logits.part(start, stop)[:, row]
    return Side(node, start + int(logits_c.argmax()), float(torch.logsumexp(logits_c.double(), 0)))


def _apart(taxa: Sequence[Taxon]) -> list[str]:
    """Their names; of two that have the same, each with the highest ancestor that tells them apart."""
    names = [taxon.name for taxon in taxa]
    if len(set(names)) == len(names):
        return names
    for one, other in zip(*(taxon.lineage for taxon in taxa)):
        if one != other:
            return [f"{name} ({ancestor})" for name, (_, ancestor) in zip(names, (one, other))]
    return names


def _shares(
    bank: TextBank, scorer: Scorer, card: ModelCard, embedding_D: torch.Tensor, best: int, sign: float
) -> list[PromptShare]:
    rows = bank.of_class(best)
    similarities = bank.embeddings_PD[rows].double() @ embedding_D.double()
    coefficients = scorer.coefficients(embedding_D, bank, best)
    shares = [
        PromptShare(
            phrase=prompt.phrase,
            text=prompt.text,
            kind=prompt.kind,
            source=prompt.source,
            class_index=best,
            similarity=float(similarity),
            contribution=sign * card.logit_scale * float(coefficient) * float(similarity) + 0.0,  # never -0.0
        )
        for prompt, similarity, coefficient in zip(bank.prompts[rows], similarities, coefficients)
    ]
    return sorted(shares, key=lambda share: -share.contribution * sign)
