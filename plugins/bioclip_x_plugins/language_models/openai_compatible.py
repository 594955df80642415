"""Language models with OpenAI's chat API: OpenAI's own, and every compatible server (vLLM, Ollama, …).

The key (OPENAI_API_KEY) is sent to the server only, and never appears in an option, a file, a message or an answer. Transient
failures (408, 409, 429, 5xx, a lost connection, a timeout) are retried here and not by the `openai` package, which never waits
longer than a minute when a server asks for it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import anyio
from pydantic import Field

from bioclip_x.plugin import Answer, LanguageModelCapabilities, LanguageModelError, NoAnswerError, Taxon
from bioclip_x_plugins.language_models.failures import affects_all_prompts, explain_error, is_transient
from bioclip_x_plugins.language_models.replies import InvalidReply, read_reply
from bioclip_x_plugins.language_models.retries import MAX_RETRY_AFTER, Gate, draw_wait, parse_retry_after

if TYPE_CHECKING:
    import openai

OPENAI: Final = "https://api.openai.com/v1"
PLACEHOLDER_KEY: Final = "no-key"
UNSUPPORTED: Final = (400, 404, 415, 422, 501)
"""HTTP statuses with which servers refuse `response_format`."""


class OpenAICompatible:
    """Calls POST {base_url}/chat/completions.

    model: its name on the server. base_url: up to and including /v1; default OPENAI_BASE_URL, else OpenAI's.
    temperature, max_tokens: override those of the prompt. timeout: seconds for one complete answer.
    max_retries: how often a transient failure is retried.
    json_schema: whether to send the JSON schema of a prompt. Once a server refuses it, later requests are sent without.
    """

    capabilities = LanguageModelCapabilities(json_schema=True)

    def __init__(
        self,
        *,
        model: Annotated[str, Field(min_length=1)],
        base_url: str | None = None,
        temperature: Annotated[float, Field(ge=0, le=2)] | None = None,
        max_tokens: Annotated[int, Field(ge=1)] | None = None,
        timeout: Annotated[float, Field(gt=0)] = 120.0,
        max_retries: Annotated[int, Field(ge=0)] = 5,
        json_schema: bool = True,
    ) -> None:
        self.model = model
        self.base_url = base_url
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.timeout = timeout
        self.max_retries = max_retries
        self._accepts_schemas = json_schema
        self._client: openai.AsyncOpenAI | None = None
        self._gate = Gate()
        # Newer OpenAI models accept only max_completion_tokens, most other servers only max_tokens.
        self._limit_name = "max_tokens"

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Raises LanguageModelError for an invalid base URL."""
        options = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        host = urlsplit(self._get_base_url()).hostname
        return {
            "model": self.model,
            "host": host,
            **{key: value for key, value in options.items() if value is not None},
        }

    async def complete(
        self,
        prompt: str,
        *,
        taxon: Taxon | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Returns the server's answer; `taxon` is not used.

        Raises NoAnswerError or LanguageModelError naming the host, the reason and the remedy.
        """
        import openai

        settings: dict[str, Any] = {}
        if (effective := temperature if self.temperature is None else self.temperature) is not None:
            settings["temperature"] = effective
        try:
            body = await self._request_adapted(
                prompt, settings, max_tokens if self.max_tokens is None else self.max_tokens, schema
            )
            return read_reply(body, self._redact)
        except InvalidReply as problem:
            raise NoAnswerError(
                f"{self._get_server()} did not answer with a chat completion (it sent {problem}); check the base URL, which "
                "usually ends in /v1"
            ) from None
        except (openai.OpenAIError, TimeoutError) as problem:
            if getattr(problem, "code", None) == "content_filter":
                return Answer("", "content_filter")
            kind = LanguageModelError if affects_all_prompts(problem) else NoAnswerError
            raise kind(self._redact(explain_error(problem, self._get_server(), self.model, self.max_retries))) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _request_adapted(
        self, prompt: str, settings: Mapping[str, Any], max_tokens: int | None, schema: Mapping[str, Any] | None
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
                body = await self._request_with_retries(prompt, request)
            except openai.APIStatusError as problem:
                param = problem.param or ""
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

    async def _request_with_retries(self, prompt: str, settings: Mapping[str, Any]) -> bytes:
        """Returns the reply to one request, repeated after transient failures."""
        import openai

        client = self._connect()
        for failures in itertools.count(1):
            await self._gate.pass_through()
            try:
                # Through extra_body: the package is slow to process a schema passed as its own argument.
                call = client.chat.completions.with_raw_response.create(
                    model=self.model, messages=[{"role": "user", "content": prompt}], extra_body=settings
                )
                with anyio.fail_after(self.timeout):
                    reply = await call
                body: bytes = reply.http_response.content
                return body
            except (openai.OpenAIError, TimeoutError) as problem:
                if failures > self.max_retries or not is_transient(problem):
                    raise
                headers = problem.response.headers if isinstance(problem, openai.APIStatusError) else {}
                retry_after = parse_retry_after(headers, datetime.now(timezone.utc))
            if retry_after is not None and retry_after > MAX_RETRY_AFTER:
                raise LanguageModelError(
                    f"{self._get_server()} asks to retry in {retry_after:,.0f} s; run the same command then to continue"
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
            self._client = openai.AsyncOpenAI(
                api_key=key or PLACEHOLDER_KEY, base_url=base_url, timeout=self.timeout, max_retries=0
            )
        return self._client

    def _get_base_url(self) -> str:
        base_url = self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LanguageModelError("the base URL must be like http://localhost:8000/v1: scheme, host, path")
        return base_url

    def _get_server(self) -> str:
        """Returns host and port, without user name and password."""
        return urlsplit(self._get_base_url()).netloc.rpartition("@")[2]

    def _redact(self, text: str) -> str:
        """Removes the key, which some servers repeat in errors or even in answers."""
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        return text.replace(key, "[key]") if key else text


def _may_refuse_schema(problem: openai.APIStatusError, param: str) -> bool:
    """Whether the schema may be why a server refused. A request without it then shows any other reason."""
    return (
        problem.status_code in UNSUPPORTED
        and problem.code != "content_filter"
        and (not param or param.startswith("response_format"))
    )
