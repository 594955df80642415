"""What went wrong with a call through the `openai` package, and what to do about it, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openai

LONGEST = 300


def explain(problem: openai.OpenAIError, host: str, model: str, retries: int) -> str:
    """A message that names the host. The server's own words are in it where they help, and never for a refused key,
    which servers like to quote."""
    import openai

    tries = f"{retries + 1} tries" if retries else "1 try"
    if isinstance(problem, openai.APITimeoutError):
        return f"{host} did not answer in time ({tries}); give it longer with the option timeout=SECONDS"
    if isinstance(problem, openai.APIConnectionError):
        cause = str(problem.__cause__ or "") or "no connection"
        return f"{host} cannot be reached ({_short(cause)}; {tries}); is the server running, and the base URL right?"
    if isinstance(problem, openai.AuthenticationError | openai.PermissionDeniedError):
        what = "refused the key" if problem.status_code == 401 else f"does not allow this key the model {model!r}"
        return f"{host} {what} (HTTP {problem.status_code}); set OPENAI_API_KEY to one that is valid there"
    if isinstance(problem, openai.NotFoundError):
        return (
            f"{host} knows no model {model!r}, or has no chat endpoint at this base URL, which mostly ends in /v1 "
            f"(HTTP 404{_words(problem)})"
        )
    if isinstance(problem, openai.RateLimitError):
        return f"{host} gave no answer in {tries}: too many requests, or no credit left (HTTP 429{_words(problem)})"
    if isinstance(problem, openai.InternalServerError):
        return f"{host} failed in each of {tries} (HTTP {problem.status_code}{_words(problem)})"
    if isinstance(problem, openai.APIStatusError):
        hint = "; set it with the option temperature=…" if problem.param == "temperature" else ""
        return f"{host} refused the request for the model {model!r} (HTTP {problem.status_code}{_words(problem)}){hint}"
    return f"{host}: {_short(str(problem))}"


def _words(problem: openai.APIStatusError) -> str:
    """The server's own message, "" where it sent none that is text."""
    body = problem.body
    said = body.get("message") if isinstance(body, dict) else body
    return f": {_short(said)}" if isinstance(said, str) and said.strip() else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
