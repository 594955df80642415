"""One-line explanations of errors of the `openai` package: what failed and what to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import openai

MAX_LENGTH: Final = 300
TRANSIENT_STATUSES: Final = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)
"""HTTP statuses of requests that may succeed when repeated."""

NO_CREDIT_CODE: Final = "insufficient_quota"


def is_transient(problem: openai.OpenAIError | TimeoutError) -> bool:
    """Whether the same request may succeed later."""
    import openai

    if isinstance(problem, openai.APIStatusError):
        return problem.status_code in TRANSIENT_STATUSES and problem.code != NO_CREDIT_CODE
    return isinstance(problem, openai.APIConnectionError | TimeoutError)


def affects_all_prompts(problem: openai.OpenAIError | TimeoutError) -> bool:
    """Whether every prompt would fail for the same reason: the key, the model, a setting or no credit."""
    import openai

    if not isinstance(problem, openai.APIStatusError):
        return not isinstance(problem, openai.APIConnectionError | TimeoutError)
    param = read_param(problem)
    is_setting = problem.status_code in (400, 422) and param and not param.startswith("messages")
    return problem.status_code in (401, 402, 403, 404) or problem.code == NO_CREDIT_CODE or bool(is_setting)


def read_param(problem: openai.APIStatusError) -> str:
    """Returns the setting that a server refuses, "" where it names none."""
    return problem.param if isinstance(problem.param, str) else ""


def explain_error(problem: openai.OpenAIError | TimeoutError, host: str, model: str, retries: int) -> str:
    """Returns a message that names the host. It quotes the server where that helps, but never for a refused key, which servers
    tend to repeat."""
    import openai

    tries = f"{retries + 1} tries" if retries else "1 try"
    if isinstance(problem, openai.APITimeoutError | TimeoutError):
        return f"{host} did not answer in time ({tries}); increase the option timeout=SECONDS"
    if isinstance(problem, openai.APIConnectionError):
        cause = _find_root_message(problem) or "no connection"
        return f"{host} cannot be reached ({_shorten(cause)}; {tries}); is the server running, and the base URL right?"
    if isinstance(problem, openai.AuthenticationError | openai.PermissionDeniedError):
        problem_text = (
            "refused the key" if problem.status_code == 401 else f"does not allow this key the model {model!r}"
        )
        return f"{host} {problem_text} (HTTP {problem.status_code}); set OPENAI_API_KEY to a key that is valid there"
    if isinstance(problem, openai.NotFoundError):
        return (
            f"{host} has no model {model!r}, or no chat endpoint at this base URL, which usually ends in /v1 "
            f"(HTTP 404{_quote_server(problem)})"
        )
    if isinstance(problem, openai.RateLimitError) and problem.code == NO_CREDIT_CODE:
        return f"{host} reports that no credit is left (HTTP 429{_quote_server(problem)})"
    if isinstance(problem, openai.RateLimitError):
        return (
            f"{host} gave no answer in {tries}: too many requests, or no credit left (HTTP 429{_quote_server(problem)})"
        )
    if isinstance(problem, openai.InternalServerError):
        return f"{host} failed in each of {tries} (HTTP {problem.status_code}{_quote_server(problem)})"
    if isinstance(problem, openai.APIStatusError):
        hint = "; set it with the option temperature=…" if problem.param == "temperature" else ""
        return f"{host} refused the request for the model {model!r} (HTTP {problem.status_code}{_quote_server(problem)}){hint}"
    return f"{host}: {_shorten(str(problem))}"


def _find_root_message(problem: BaseException) -> str:
    """Returns the message of the innermost exception, usually the operating system's."""
    message, cause = "", problem.__cause__ or problem.__context__
    while cause is not None:
        is_system = isinstance(cause, OSError) and (cause.errno or 0) > 0
        message = os.strerror(cause.errno) if is_system else str(cause) or message  # type: ignore[attr-defined]
        cause = cause.__cause__ or cause.__context__
    return message


def _quote_server(problem: openai.APIStatusError) -> str:
    """Returns ": " and the server's message, or "" if it sent no text."""
    body = problem.body
    message = body.get("message") if isinstance(body, dict) else body
    return f": {_shorten(message)}" if isinstance(message, str) and message.strip() else ""


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]}…"
