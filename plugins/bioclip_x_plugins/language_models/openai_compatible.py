"""Language models behind OpenAI's chat interface: OpenAI's own, and every server that speaks it (vLLM, Ollama, …).

The `openai` package reads the key (OPENAI_API_KEY). The key goes to the server and nowhere else: not into an option, a
file, a message or an answer. What may succeed the second time (408, 409, 429, 5xx, a lost connection, a time-out) is
repeated here and not by the package, which waits for no server longer than a minute.
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
from bioclip_x_plugins.language_models.failures import explain, is_for_all, is_transient
from bioclip_x_plugins.language_models.replies import NoReply, read_reply
from bioclip_x_plugins.language_models.retries import MOST_PATIENCE, Gate, draw_wait, retry_after

if TYPE_CHECKING:
    import openai

OPENAI: Final = "https://api.openai.com/v1"
NO_KEY: Final = "no-key"
UNSUPPORTED: Final = (400, 404, 415, 422, 501)
"""Statuses with which servers refuse `response_format`."""


class OpenAICompatible:
    """Any endpoint that answers POST {base_url}/chat/completions.

    model: its name there. base_url: up to and with /v1; else OPENAI_BASE_URL, else OpenAI's own.
    temperature, max_tokens: instead of what the prompt asks for. timeout: seconds for one answer, whole.
    max_retries: how often a call that may succeed the second time is repeated.
    json_schema: whether to ask for answers by JSON schema where a prompt wants them. A server that refuses is asked without
    from then on.
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
        self._takes_schemas = json_schema
        self._client: openai.AsyncOpenAI | None = None
        self._gate = Gate()
        # Newer OpenAI models know the limit by its second name only, and most other servers by its first.
        self._limit = "max_tokens"

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Raises LanguageModelError where the address is none."""
        own = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        host = urlsplit(self._address()).hostname
        return {"model": self.model, "host": host, **{name: value for name, value in own.items() if value is not None}}

    async def complete(
        self,
        prompt: str,
        *,
        taxon: Taxon | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The server's answer; `taxon` is not used.

        Raises NoAnswerError or LanguageModelError naming the host, the reason and the remedy.
        """
        import openai

        settings: dict[str, Any] = {}
        if (wished := temperature if self.temperature is None else self.temperature) is not None:
            settings["temperature"] = wished
        try:
            body = await self._adapted(
                prompt, settings, max_tokens if self.max_tokens is None else self.max_tokens, schema
            )
            return read_reply(body, self._safe)
        except NoReply as problem:
            raise NoAnswerError(
                f"{self._server()} answered, but not with a chat completion (it sent {problem}); is its base URL right? "
                "It mostly ends in /v1"
            ) from None
        except (openai.OpenAIError, TimeoutError) as problem:
            if getattr(problem, "code", None) == "content_filter":
                return Answer("", "content_filter")
            kind = LanguageModelError if is_for_all(problem) else NoAnswerError
            raise kind(self._safe(explain(problem, self._server(), self.model, self.max_retries))) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _adapted(
        self, prompt: str, settings: Mapping[str, Any], max_tokens: int | None, schema: Mapping[str, Any] | None
    ) -> bytes:
        """The reply to a request put as this server takes it; how, is remembered for all that follow."""
        import openai

        limit, form = self._limit, schema if self._takes_schemas else None
        while True:
            request = dict(settings) if max_tokens is None else {**settings, limit: max_tokens}
            if form is not None:
                named = {"name": "answer", "strict": True, "schema": dict(form)}
                request["response_format"] = {"type": "json_schema", "json_schema": named}
            try:
                body = await self._patiently(prompt, request)
            except openai.APIStatusError as problem:
                about = problem.param or ""
                if about == "max_tokens" and limit == "max_tokens":
                    limit = "max_completion_tokens"
                elif form is not None and _refuses_schema(problem, about):
                    form = None
                else:
                    raise
            else:
                self._limit = limit
                self._takes_schemas = self._takes_schemas and (schema is None or form is not None)
                return body

    async def _patiently(self, prompt: str, settings: Mapping[str, Any]) -> bytes:
        """The reply to one request, tried again where that may help."""
        import openai

        client = self._connected()
        for failures in itertools.count(1):
            await self._gate.pass_through()
            try:
                # Settings as they are: the package takes its time to look through a schema that it is given as its own.
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
                told = retry_after(headers, datetime.now(timezone.utc))
            if told is not None and told > MOST_PATIENCE:
                raise LanguageModelError(
                    f"{self._server()} asks to come back in {told:,.0f} s; the same command goes on then"
                )
            if told:
                self._gate.close_for(told)
            else:
                await self._gate.wait(draw_wait(failures, self._gate.random))
        raise AssertionError("counts for ever")

    def _connected(self) -> openai.AsyncOpenAI:
        if self._client is None:
            import openai

            address, key = self._address(), os.environ.get("OPENAI_API_KEY", "").strip()
            if not key and urlsplit(address).hostname == urlsplit(OPENAI).hostname:
                raise LanguageModelError(
                    f"{urlsplit(OPENAI).hostname} needs a key: set OPENAI_API_KEY, or give the address of a server "
                    "that needs none with --base-url"
                )
            self._client = openai.AsyncOpenAI(
                api_key=key or NO_KEY, base_url=address, timeout=self.timeout, max_retries=0
            )
        return self._client

    def _address(self) -> str:
        address = self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LanguageModelError("the base URL must be like http://localhost:8000/v1: scheme, host, path")
        return address

    def _server(self) -> str:
        """Host and port, without a user's name or password."""
        return urlsplit(self._address()).netloc.rpartition("@")[2]

    def _safe(self, text: str) -> str:
        """Some servers send the key back, in an error or even in an answer."""
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        return text.replace(key, "[key]") if key else text


def _refuses_schema(problem: openai.APIStatusError, about: str) -> bool:
    """Whether a server may have refused for the schema's sake. What else it may have been, is seen without one."""
    return (
        problem.status_code in UNSUPPORTED
        and problem.code != "content_filter"
        and (not about or about.startswith("response_format"))
    )
