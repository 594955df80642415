"""What a run of `describe` will cost, before it, and what it did cost, after.

Only a model's own tokenizer can count its tokens, and no server tells before it answers. So this is an estimate: from the
answers of this very run that are stored already, or without any from the usual length of a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x.describe.answer_log import Kept
from bioclip_x.describe.questions import Question
from bioclip_x.messages import pluralise

BYTES_A_TOKEN: Final = 3.5
"""UTF-8 bytes. English prose has about 4 (OpenAI's rule of thumb), scientific names fewer, other scripts fewer characters."""

USUAL_ANSWER: Final = 120
"""Tokens of a list of some ten phrases of a dozen tokens each."""

OVERHEAD: Final = 8
"""Tokens by which chat formats wrap a message."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """requests: still to be sent. stored: questions that need none.

    prompt_tokens, completion_tokens: about so many. most: completion tokens at the token limit, None where there is none.
    measured: answers that these are estimated from, 0 for the rule of thumb.
    """

    requests: int
    stored: int
    prompt_tokens: int
    completion_tokens: int
    most: int | None
    measured: int

    def __str__(self) -> str:
        stored = f" ({self.stored:,} stored already)" if self.stored else ""
        basis = (
            f"from {pluralise(self.measured, 'stored answer')}"
            if self.measured
            else f"{BYTES_A_TOKEN:g} bytes a token, {USUAL_ANSWER} tokens an answer; models differ by a half"
        )
        most = f", at most {self.most:,}" if self.most is not None else ""
        return (
            f"{pluralise(self.requests, 'request')}{stored}: about {self.prompt_tokens:,} tokens in, "
            f"{self.completion_tokens:,} out{most} (estimated: {basis})"
        )


def estimate(questions: Sequence[Question], stored: Mapping[Question, Kept], max_tokens: int | None) -> Estimate:
    """What the questions that have no stored answer will take."""
    left = [question for question in questions if question not in stored]
    known = [
        (question, kept)
        for question, kept in stored.items()
        if None not in (kept.prompt_tokens, kept.completion_tokens)
    ]
    size = sum(map(_bytes, left))
    if known:
        per_byte = sum(kept.prompt_tokens or 0 for _, kept in known) / sum(_bytes(question) for question, _ in known)
        sent = size * per_byte
        each = sum(kept.completion_tokens or 0 for _, kept in known) / len(known)
    else:
        sent = size / BYTES_A_TOKEN + OVERHEAD * len(left)
        each = min(USUAL_ANSWER, max_tokens or USUAL_ANSWER)
    most = None if max_tokens is None else max_tokens * len(left)
    return Estimate(len(left), len(questions) - len(left), round(sent), round(each * len(left)), most, len(known))


def compute_cost(prompt_tokens: float, completion_tokens: float, price_in: float, price_out: float) -> float:
    """In the currency of the prices, which are for a million tokens.

    >>> cost(1_000_000, 500_000, 0.15, 0.6)
    0.45
    """
    return (prompt_tokens * price_in + completion_tokens * price_out) / 1_000_000


def _bytes(question: Question) -> int:
    return len(question.prompt.encode("utf-8", "replace"))
