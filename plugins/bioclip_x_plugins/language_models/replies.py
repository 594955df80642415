"""Bounds the body of a response, and parses that of one with status 200, which may be anything, into an answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from bioclip_x.plugin import COUNTED_TOKENS, PACKED_REPLY_BYTES, REPLY_BYTES, Answer


class InvalidReply(Exception):
    """The body is not a chat completion. The message describes what it is instead."""


async def bound_reply(response: Any) -> None:
    """Has the reading of a response raise InvalidReply as soon as it is too large. A hook of httpx, before the body is read.

    response: httpx's, or that of the package which `openai` has in its place.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "deflate"):
        raise InvalidReply(f"a reply compressed by {encoding[:40]!r}")
    is_compressed = encoding in ("gzip", "deflate")
    longest = PACKED_REPLY_BYTES if is_compressed else REPLY_BYTES
    whole = response.stream

    async def read() -> AsyncIterator[bytes]:
        size = 0
        async for part in whole:
            size += len(part)
            if size > longest:
                raise InvalidReply(f"more than {longest >> 10:,} KiB of a {'compressed ' * is_compressed}reply")
            yield part

    # A response accepts streams of its own package's class only.
    base = next(kind for kind in type(whole).__mro__ if kind.__name__ == "AsyncByteStream")
    methods = {"__aiter__": lambda self: read(), "aclose": lambda self: whole.aclose()}
    response.stream = type("BoundedStream", (base,), methods)()


def find_invalid_reply(problem: BaseException) -> InvalidReply | None:
    """Returns the InvalidReply that caused an exception, if one did."""
    cause: BaseException | None = problem
    while cause is not None and not isinstance(cause, InvalidReply):
        cause = cause.__cause__ or cause.__context__
    return cause


def read_reply(body: bytes, redact: Callable[[str], str]) -> Answer:
    """Returns the first choice's text, its finish reason and the token counts. redact: removes secrets from a text.

    A refusal in a separate field counts as the text. Raises InvalidReply.
    """
    if len(body) > REPLY_BYTES:
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
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNTED_TOKENS
    return value if is_count else None
