"""Parses the body of a response with status 200, which may be anything, into an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from bioclip_x.plugin import Answer

MAX_BYTES: Final = 4 << 20
"""The largest reply that is parsed, in bytes."""


class InvalidReply(Exception):
    """The body is not a chat completion. The message describes what it is instead."""


def read_reply(body: bytes, redact: Callable[[str], str]) -> Answer:
    """Returns the first choice's text, its finish reason and the token counts. redact: removes secrets from a text.

    A refusal in a separate field counts as the text. Raises InvalidReply.
    """
    if len(body) > MAX_BYTES:
        raise InvalidReply(f"{len(body) / 2**20:.0f} MiB")
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidReply("invalid or truncated JSON" if body.strip() else "nothing") from None
    reply = reply if isinstance(reply, dict) else {}
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise InvalidReply("JSON, but not a chat completion")
    usage = reply.get("usage")
    tokens = usage if isinstance(usage, dict) else {}
    return Answer(
        redact(_read_text(message.get("content")) or _read_text(message.get("refusal"))),
        redact(_read_text(choice.get("finish_reason"))),
        _read_count(tokens.get("prompt_tokens")),
        _read_count(tokens.get("completion_tokens")),
        redact(_read_text(reply.get("model"))),
    )


def _read_text(value: Any) -> str:
    """Returns a text, or the joined texts of a list of parts; "" for other types."""
    if isinstance(value, list):
        return "".join(_read_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _read_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
