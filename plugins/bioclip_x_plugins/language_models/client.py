"""A client of OpenAI's chat API, at OpenAI or any compatible server (vLLM, Ollama, …).

The key (OPENAI_API_KEY) is sent to the server only, and never appears in an option, a file, a message or an answer. Transient
failures (408, 409, 429, 5xx, a lost connection, a timeout) are retried here and not by the `openai` package, which never waits
longer than a minute when a server asks for it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import anyio

from bioclip_x.plugin import Answer, LanguageModelError, NoAnswerError
from bioclip_x_plugins.language_models.failures import affects_all_prompts, explain_error, is_transient, read_param
from bioclip_x_plugins.language_models.replies import InvalidReply, bound_reply, find_invalid_reply, read_reply
from bioclip_x_plugins.language_models.retries import MAX_RETRY_AFTER, Gate, draw_wait, parse_retry_after

if TYPE_CHECKING:
    import openai

OPENAI: Final = "https://api.openai.com/v1"
PLACEHOLDER_KEY: Final = "no-key"
LONGEST_URL: Final = 2000
UNSUPPORTED: Final = (400, 404, 415, 422, 501)
"""HTTP statuses with which servers refuse `response_format`."""

Content = str | Sequence[Mapping[str, Any]]
"""Of a message: a text, or parts of text and images."""


class ChatClient:
    """Calls POST {base_url}/chat/completions. The constructor opens no connection.

    model: its name on the server. base_url: up to and including /v1; default OPENAI_BASE_URL, else OpenAI's.
    timeout: seconds for one complete answer. max_retries: how often a transient failure is retried.
    json_schema: whether to send JSON schemas. Once a server refuses one, later requests are sent without.
    """

    def __init__(
        self, model: str, base_url: str | None, timeout: float, max_retries: int, json_schema: bool = False
    ) -> None:
        self.model, self.base_url, self.timeout, self.max_retries = model, base_url, timeout, max_retries
        self._accepts_schemas = json_schema
        self._client: openai.AsyncOpenAI | None = None
        self._gate = Gate()
        # Newer OpenAI models accept only max_completion_tokens, most other servers only max_tokens.
        self._limit_name = "max_tokens"

    @property
    def host(self) -> str:
        """The server's name. Raises LanguageModelError for an invalid base URL."""
        return urlsplit(self._get_base_url()).hostname or ""

    @property
    def server(self) -> str:
        """Host and port, without user name and password, for messages."""
        return urlsplit(self._get_base_url()).netloc.rpartition("@")[2]

    async def ask(
        self,
        content: Content,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Returns the server's answer to one message.

        Raises NoAnswerError or LanguageModelError naming the host, the reason and the remedy.
        """
        import openai

        settings = {} if temperature is None else {"temperature": temperature}
        try:
            body = await self._request_adapted(content, settings, max_tokens, schema)
            return read_reply(body, self._redact)
        except InvalidReply as problem:
            raise self._explain_invalid(problem) from None
        except (openai.OpenAIError, TimeoutError) as problem:
            if (invalid := find_invalid_reply(problem)) is not None:
                raise self._explain_invalid(invalid) from None
            if getattr(problem, "code", None) == "content_filter":
                return Answer("", "content_filter")
            kind = LanguageModelError if affects_all_prompts(problem) else NoAnswerError
            raise kind(self._redact(explain_error(problem, self.server, self.model, self.max_retries))) from None

    async def close(self) -> None:
        """Closes connections; the client may be used again."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _request_adapted(
        self, content: Content, settings: Mapping[str, Any], max_tokens: int | None, schema: Mapping[str, Any] | None
    ) -> bytes:
        """Returns the reply to a request, adapted to what the server accepts; the adaptation is kept for later requests."""
        import openai

        limit_name, sent_schema = self._limit_name, schema if self._accepts_schemas else None
        while True:
            request = dict(settings) if max_tokens is None else {**settings, limit_name: max_tokens}
            if sent_schema is not None:
                json_schema = {"name": "answer", "strict": True, "schema": dict(sent_schema)}
                request["response_format"] = {"type": "json_schema", "json_schema": json_schema}
            try:
                body = await self._request_with_retries(content, request)
            except openai.APIStatusError as problem:
                param = read_param(problem)
                if param == "max_tokens" and limit_name == "max_tokens":
                    limit_name = "max_completion_tokens"
                elif sent_schema is not None and _may_refuse_schema(problem, param):
                    sent_schema = None
                else:
                    raise
            else:
                self._limit_name = limit_name
                self._accepts_schemas = self._accepts_schemas and (schema is None or sent_schema is not None)
                return body

    async def _request_with_retries(self, content: Content, settings: Mapping[str, Any]) -> bytes:
        """Returns the reply to one request, repeated after transient failures."""
        import openai

        client = self._connect()
        for failures in itertools.count(1):
            await self._gate.pass_through()
            try:
                # Through extra_body: the package is slow to process a schema or an image passed as its own argument.
                messages = [{"role": "user", "content": content}]
                call = client.chat.completions.with_raw_response.create(
                    model=self.model, messages=[], extra_body={**settings, "messages": messages}
                )
                with anyio.fail_after(self.timeout):
                    reply = await call
                body: bytes = reply.http_response.content
                return body
            except (openai.OpenAIError, TimeoutError) as problem:
                if failures > self.max_retries or not is_transient(problem) or find_invalid_reply(problem):
                    raise
                headers = problem.response.headers if isinstance(problem, openai.APIStatusError) else {}
                retry_after = parse_retry_after(headers, datetime.now(timezone.utc))
            if retry_after is not None and retry_after > MAX_RETRY_AFTER:
                raise LanguageModelError(
                    f"{self.server} asks to retry in {retry_after:,.0f} s; run the same command then to continue"
                )
            if retry_after:
                self._gate.close_for(retry_after)
            else:
                await self._gate.wait(draw_wait(failures, self._gate.random))
        raise AssertionError("unreachable")

    def _connect(self) -> openai.AsyncOpenAI:
        if self._client is None:
            import openai

            base_url, key = self._get_base_url(), os.environ.get("OPENAI_API_KEY", "").strip()
            if not key and urlsplit(base_url).hostname == urlsplit(OPENAI).hostname:
                raise LanguageModelError(
                    f"{urlsplit(OPENAI).hostname} needs a key: set OPENAI_API_KEY, or give the URL of a server "
                    "that needs none with --base-url"
                )
            try:
                http_client = openai.DefaultAsyncHttpxClient(
                    base_url=base_url, timeout=self.timeout, event_hooks={"response": [bound_reply]}
                )
            except Exception as problem:  # the package's InvalidURL: a host that cannot be one
                raise LanguageModelError(f"the base URL {base_url[:80]!r} is not valid: {problem}") from None
            self._client = openai.AsyncOpenAI(
                api_key=key or PLACEHOLDER_KEY,
                base_url=base_url,
                timeout=self.timeout,
                max_retries=0,
                default_headers={"Accept-Encoding": "gzip, deflate"},  # whose expansion is bounded
                http_client=http_client,
            )
        return self._client

    def _get_base_url(self) -> str:
        base_url = self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        if not _is_url(base_url):
            raise LanguageModelError("the base URL must be like http://localhost:8000/v1: scheme, host, path")
        return base_url

    def _explain_invalid(self, problem: InvalidReply) -> NoAnswerError:
        return NoAnswerError(
            f"{self.server} did not answer with a chat completion (it sent {problem}); check the base URL, which "
            "usually ends in /v1"
        )

    def _redact(self, text: str) -> str:
        """Removes the key, which some servers repeat in errors or even in answers."""
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        return text.replace(key, "[key]") if key else text


def _is_url(text: str) -> bool:
    """Whether a text is the URL of a server. Requests would fail at others with messages of several libraries."""
    try:
        parts = urlsplit(text)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets, a port that is no number or too large
        return False
    return is_known and len(text) <= LONGEST_URL and text.isprintable() and " " not in text


def _may_refuse_schema(problem: openai.APIStatusError, param: str) -> bool:
    """Whether the schema may be why a server refused. A request without it then shows any other reason."""
    return (
        problem.status_code in UNSUPPORTED
        and problem.code != "content_filter"
        and (not param or param.startswith("response_format"))
    )
