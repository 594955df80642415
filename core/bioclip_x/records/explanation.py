"""Why: each prompt's part in a decision."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptShare:
    """One prompt's part.

    similarity: cosine of image and prompt embeddings, in [-1, 1].
    contribution: its signed part of the logit margin of the winner over the runner-up, in logits; negative where it
        speaks for the runner-up. The winner's prompts and the runner-up's are both listed.
    """

    phrase: str
    text: str
    kind: str
    source: str
    class_index: int
    similarity: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the winner and not the runner-up (Menon & Vondrick, ICLR 2023, with margins in place of raw similarities).

    margin: logit(winner) - logit(runner-up), in logits (logit scale applied).
    shares: every prompt of the two classes, the winner's first, each class's by falling contribution.
    rest: margin minus the sum of the contributions: 0 up to rounding where logits are linear in the similarities.
    """

    winner: str
    runner_up: str
    margin: float
    shares: tuple[PromptShare, ...]
    rest: float
