"""What went wrong with a call through the `openai` package, and what to do about it, in one line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import openai

LONGEST: Final = 300
TRANSIENT: Final = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)
"""Statuses of what may succeed the second time."""

NO_CREDIT: Final = "insufficient_quota"


def is_transient(problem: openai.OpenAIError | TimeoutError) -> bool:
    """Whether the same request may succeed later."""
    import openai

    if isinstance(problem, openai.APIStatusError):
        return problem.status_code in TRANSIENT and problem.code != NO_CREDIT
    return isinstance(problem, openai.APIConnectionError | TimeoutError)


def is_for_all(problem: openai.OpenAIError | TimeoutError) -> bool:
    """Whether any other prompt would fail for the same reason: the key, the model, a setting, no credit left."""
    import openai

    if not isinstance(problem, openai.APIStatusError):
        return not isinstance(problem, openai.APIConnectionError | TimeoutError)
    is_setting = problem.status_code in (400, 422) and problem.param and not problem.param.startswith("messages")
    return problem.status_code in (401, 402, 403, 404) or problem.code == NO_CREDIT or bool(is_setting)


def explain(problem: openai.OpenAIError | TimeoutError, host: str, model: str, retries: int) -> str:
    """A message that names the host. The server's own words are in it where they help, and never for a refused key,
    which servers like to quote."""
    import openai

    tries = f"{retries + 1} tries" if retries else "1 try"
    if isinstance(problem, openai.APITimeoutError | TimeoutError):
        return f"{host} did not answer in time ({tries}); give it longer with the option timeout=SECONDS"
    if isinstance(problem, openai.APIConnectionError):
        cause = _root(problem) or "no connection"
        return f"{host} cannot be reached ({_short(cause)}; {tries}); is the server running, and the base URL right?"
    if isinstance(problem, openai.AuthenticationError | openai.PermissionDeniedError):
        what = "refused the key" if problem.status_code == 401 else f"does not allow this key the model {model!r}"
        return f"{host} {what} (HTTP {problem.status_code}); set OPENAI_API_KEY to one that is valid there"
    if isinstance(problem, openai.NotFoundError):
        return (
            f"{host} knows no model {model!r}, or has no chat endpoint at this base URL, which mostly ends in /v1 "
            f"(HTTP 404{_words(problem)})"
        )
    if isinstance(problem, openai.RateLimitError) and problem.code == NO_CREDIT:
        return f"{host} says that there is no credit left (HTTP 429{_words(problem)})"
    if isinstance(problem, openai.RateLimitError):
        return f"{host} gave no answer in {tries}: too many requests, or no credit left (HTTP 429{_words(problem)})"
    if isinstance(problem, openai.InternalServerError):
        return f"{host} failed in each of {tries} (HTTP {problem.status_code}{_words(problem)})"
    if isinstance(problem, openai.APIStatusError):
        hint = "; set it with the option temperature=…" if problem.param == "temperature" else ""
        return f"{host} refused the request for the model {model!r} (HTTP {problem.status_code}{_words(problem)}){hint}"
    return f"{host}: {_short(str(problem))}"


def _root(problem: BaseException) -> str:
    """What the system said, which may lie several exceptions deep."""
    said, cause = "", problem.__cause__ or problem.__context__
    while cause is not None:
        is_system = isinstance(cause, OSError) and (cause.errno or 0) > 0
        said = os.strerror(cause.errno) if is_system else str(cause) or said  # type: ignore[attr-defined]
        cause = cause.__cause__ or cause.__context__
    return said


def _words(problem: openai.APIStatusError) -> str:
    """The server's own message, "" where it sent none that is text."""
    body = problem.body
    said = body.get("message") if isinstance(body, dict) else body
    return f": {_short(said)}" if isinstance(said, str) and said.strip() else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
