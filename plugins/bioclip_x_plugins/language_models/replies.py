"""What a server sent with status 200 → an answer. It may be anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from bioclip_x.plugin import Answer

LARGEST: Final = 4 << 20
"""Bytes of a reply that is read as one."""


class NoReply(Exception):
    """The body is no chat completion; says what it is instead."""


def read_reply(body: bytes, safe: Callable[[str], str]) -> Answer:
    """The first choice's text, why it ended, and what it cost. safe: takes out of a text what must not be kept.

    A refusal in its own field is the answer. Raises NoReply.
    """
    if len(body) > LARGEST:
        raise NoReply(f"{len(body) / 2**20:.0f} MiB")
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        raise NoReply("no JSON, or half of it" if body.strip() else "nothing") from None
    reply = reply if isinstance(reply, dict) else {}
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise NoReply("JSON, but not of a chat completion")
    usage = reply.get("usage")
    used = usage if isinstance(usage, dict) else {}
    return Answer(
        safe(_text(message.get("content")) or _text(message.get("refusal"))),
        safe(_text(choice.get("finish_reason"))),
        _count(used.get("prompt_tokens")),
        _count(used.get("completion_tokens")),
        safe(_text(reply.get("model"))),
    )


def _text(value: Any) -> str:
    """A text, or the texts of a list of parts; "" for anything else."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
