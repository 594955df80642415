"""Answers of language models."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one prompt, unmodified.

    text: "" if the model returned nothing.
    finish_reason: why generation stopped: "stop", "length" (token limit), "content_filter", …; "" if not reported.
    prompt_tokens, completion_tokens: as counted by the server; None if not reported.
    model: as reported by the server, for example a dated version of the requested model; "" if not reported.
    """

    text: str
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
