"""What a language model said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one prompt, as it came.

    text: "" where the model said nothing.
    finish_reason: why it stopped: "stop", "length" (cut by the token limit), "content_filter", …; "" if untold.
    prompt_tokens, completion_tokens: what the server counted; None if untold.
    model: what the server says has answered, a dated version of what was asked for, say; "" if untold.
    """

    text: str
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
