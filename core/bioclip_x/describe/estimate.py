"""Estimates the tokens that a run of `describe` will take, and computes costs.

Only the model's own tokenizer can count tokens, and servers report them only with an answer. So they are estimated from the
stored answers of the same run or, without any, from the typical length of a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x.describe.answer_log import StoredAnswer
from bioclip_x.describe.questions import Question
from bioclip_x.messages import pluralise

BYTES_PER_TOKEN: Final = 3.5
"""UTF-8 bytes per token. English prose has about 4 (OpenAI's rule of thumb), scientific names fewer."""

TYPICAL_ANSWER: Final = 120
"""Tokens of a list of about ten phrases of a dozen tokens each."""

OVERHEAD: Final = 8
"""Tokens that chat formats add to a message."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that a run will take.

    requests: to be sent. stored: questions with a stored answer. prompt_tokens, completion_tokens: estimates. most: completion
    tokens at the token limit, None without a limit. measured: number of stored answers used, 0 for the rule of thumb.
    """

    requests: int
    stored: int
    prompt_tokens: int
    completion_tokens: int
    most: int | None
    measured: int

    def __str__(self) -> str:
        stored = f" ({self.stored:,} already answered)" if self.stored else ""
        basis = (
            f"from {pluralise(self.measured, 'stored answer')}"
            if self.measured
            else f"{BYTES_PER_TOKEN:g} bytes per token, {TYPICAL_ANSWER} tokens per answer; may be off by half"
        )
        most = f", at most {self.most:,}" if self.most is not None else ""
        return (
            f"{pluralise(self.requests, 'request')}{stored}: about {self.prompt_tokens:,} tokens in, "
            f"{self.completion_tokens:,} out{most} (estimated: {basis})"
        )


def estimate(
    questions: Sequence[Question], stored: Mapping[Question, StoredAnswer], max_tokens: int | None
) -> Estimate:
    """Estimates the tokens for the questions without a stored answer."""
    pending = [question for question in questions if question not in stored]
    counted = [
        (question, answer)
        for question, answer in stored.items()
        if None not in (answer.prompt_tokens, answer.completion_tokens)
    ]
    size = sum(map(_count_bytes, pending))
    if counted:
        per_byte = sum(answer.prompt_tokens or 0 for _, answer in counted) / sum(
            _count_bytes(question) for question, _ in counted
        )
        prompt_tokens = size * per_byte
        per_answer = sum(answer.completion_tokens or 0 for _, answer in counted) / len(counted)
    else:
        prompt_tokens = size / BYTES_PER_TOKEN + OVERHEAD * len(pending)
        per_answer = min(TYPICAL_ANSWER, max_tokens or TYPICAL_ANSWER)
    return Estimate(
        requests=len(pending),
        stored=len(questions) - len(pending),
        prompt_tokens=round(prompt_tokens),
        completion_tokens=round(per_answer * len(pending)),
        most=None if max_tokens is None else max_tokens * len(pending),
        measured=len(counted),
    )


def compute_cost(prompt_tokens: float, completion_tokens: float, price_in: float, price_out: float) -> float:
    """Computes the cost in the currency of the prices, which are per million tokens.

    >>> compute_cost(1_000_000, 500_000, 0.15, 0.6)
    0.45
    """
    return (prompt_tokens * price_in + completion_tokens * price_out) / 1_000_000


def _count_bytes(question: Question) -> int:
    return len(question.prompt.encode("utf-8", "replace"))
