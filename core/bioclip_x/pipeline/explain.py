"""Opens a decision up to the prompts that made it.

With class logits linear in the prompts' similarities (pooling mean and ensemble) the margin of the winner w over the
runner-up r is a sum over their prompts, logit scale s and pooling coefficients a:

    logit_w - logit_r = Σ_{p of w} s·a_p·cos(image, p) - Σ_{p of r} s·a_p·cos(image, p)

so each prompt's signed term is its contribution, exactly. Whatever else made the margin stands in `rest`.
"""

from __future__ import annotations

import torch

from bioclip_x.components import Scorer
from bioclip_x.records import Explanation, ModelCard, PromptShare, TextBank
from bioclip_x.taxonomy import Taxonomy


def explain(
    taxonomy: Taxonomy,
    bank: TextBank,
    scorer: Scorer,
    card: ModelCard,
    embedding_D: torch.Tensor,
    logits_C: torch.Tensor,
    reported: int,
) -> Explanation:
    """Why the best class within the reported node, and not the best class outside it.

    embedding_D: float32 [D], L2-normalised. logits_C: float32 [C]. Where no class lies outside, the margin is the
    winner's own logit and there is no runner-up.
    """
    start, stop = int(taxonomy.leaf_start_N[reported]), int(taxonomy.leaf_stop_N[reported])
    winner = start + int(logits_C[start:stop].argmax())
    outside = logits_C.clone()
    outside[start:stop] = -torch.inf
    runner_up = int(outside.argmax()) if stop - start < len(logits_C) else None
    sides = [(winner, 1.0)] if runner_up is None else [(winner, 1.0), (runner_up, -1.0)]
    shares = [share for c, sign in sides for share in _shares(bank, scorer, card, embedding_D, c, sign)]
    margin = sum(sign * float(logits_C[c]) for c, sign in sides)
    return Explanation(
        winner=taxonomy.class_taxon(winner).name,
        runner_up="" if runner_up is None else taxonomy.class_taxon(runner_up).name,
        margin=margin,
        shares=tuple(shares),
        rest=margin - sum(share.contribution for share in shares),
    )


def _shares(
    bank: TextBank, scorer: Scorer, card: ModelCard, embedding_D: torch.Tensor, class_index: int, sign: float
) -> list[PromptShare]:
    rows = bank.of_class(class_index)
    similarities = bank.embeddings_PD[rows].double() @ embedding_D.double()
    coefficients = scorer.coefficients(embedding_D, bank, class_index)
    shares = [
        PromptShare(
            phrase=prompt.phrase or prompt.text,
            text=prompt.text,
            kind=prompt.kind,
            source=prompt.source,
            class_index=class_index,
            similarity=float(similarity),
            contribution=sign * card.logit_scale * float(coefficient) * float(similarity) + 0.0,  # never -0.0
        )
        for prompt, similarity, coefficient in zip(bank.prompts[rows], similarities, coefficients)
    ]
    return sorted(shares, key=lambda share: -share.contribution * sign)
