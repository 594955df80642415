"""Language models behind OpenAI's chat interface: OpenAI's own, and every server that speaks it (vLLM, Ollama, …).

The `openai` package reads the key (OPENAI_API_KEY) and repeats what may succeed the second time (408, 409, 429, 5xx, a
lost connection), waiting longer each time or as long as the server says. The key goes to the server and nowhere else:
not into an option, a file, a message or an answer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from bioclip_x.errors import LanguageModelError
from bioclip_x.records import Answer
from bioclip_x_plugins.language_models.failures import explain

if TYPE_CHECKING:
    import openai

OPENAI = "https://api.openai.com/v1"
NO_KEY = "no-key"


class OpenAICompatible:
    """Any endpoint that answers POST {base_url}/chat/completions.

    model: its name there. base_url: up to and with /v1; else OPENAI_BASE_URL, else OpenAI's own.
    temperature, max_tokens: instead of what the prompt asks for. timeout: seconds for one answer.
    max_retries: how often a call that may succeed the second time is repeated.
    """

    def __init__(
        self,
        *,
        model: Annotated[str, Field(min_length=1)],
        base_url: str | None = None,
        temperature: Annotated[float, Field(ge=0, le=2)] | None = None,
        max_tokens: Annotated[int, Field(ge=1)] | None = None,
        timeout: Annotated[float, Field(gt=0)] = 120.0,
        max_retries: Annotated[int, Field(ge=0)] = 5,
    ) -> None:
        self.model = model
        self.base_url = base_url
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.timeout = timeout
        self.max_retries = max_retries
        self._client: openai.OpenAI | None = None
        # Newer OpenAI models know the limit by its second name only, and most other servers by its first.
        self._limit = "max_tokens"

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Raises LanguageModelError where the address is none."""
        own = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        host = urlsplit(self._address()).hostname
        return {"model": self.model, "host": host, **{name: value for name, value in own.items() if value is not None}}

    def complete(self, prompt: str, *, temperature: float | None = None, max_tokens: int | None = None) -> Answer:
        """Raises LanguageModelError naming the host, the reason and the remedy."""
        import openai

        client = self._connected()
        host = urlsplit(self._address()).netloc.rpartition("@")[2]
        try:
            reply = self._ask(
                client,
                prompt,
                temperature if self.temperature is None else self.temperature,
                max_tokens if self.max_tokens is None else self.max_tokens,
            )
        except openai.APIStatusError as problem:
            if problem.code == "content_filter":
                return Answer("", "content_filter")
            raise LanguageModelError(self._safe(explain(problem, host, self.model, self.max_retries))) from None
        except openai.OpenAIError as problem:
            raise LanguageModelError(self._safe(explain(problem, host, self.model, self.max_retries))) from None
        except ValueError:
            # A body that calls itself JSON and is none; the package lets the decoder's error through.
            reply = None
        return self._answer(reply, host)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, client: openai.OpenAI, prompt: str, temperature: float | None, max_tokens: int | None) -> Any:
        import openai

        def once() -> Any:
            settings: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
            if max_tokens is not None:
                settings["extra_body"] = {self._limit: max_tokens}
            return client.chat.completions.create(
                model=self.model, messages=[{"role": "user", "content": prompt}], **settings
            )

        try:
            return once()
        except openai.BadRequestError as problem:
            if problem.param != "max_tokens" or self._limit != "max_tokens":
                raise
        self._limit = "max_completion_tokens"
        return once()

    def _answer(self, reply: Any, host: str) -> Answer:
        """The answer in a reply, which is whatever the server sent with status 200."""
        choices = getattr(reply, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = getattr(choice, "message", None)
        if message is None:
            raise LanguageModelError(
                f"{host} answered, but not with a chat completion; is its base URL right? It mostly ends in /v1"
            )
        text = message.content if isinstance(message.content, str) else ""
        used = getattr(reply, "usage", None)
        return Answer(
            self._safe(text),
            str(getattr(choice, "finish_reason", None) or ""),
            _count(getattr(used, "prompt_tokens", None)),
            _count(getattr(used, "completion_tokens", None)),
        )

    def _connected(self) -> openai.OpenAI:
        if self._client is None:
            import openai

            address, key = self._address(), os.environ.get("OPENAI_API_KEY", "").strip()
            if not key and urlsplit(address).hostname == urlsplit(OPENAI).hostname:
                raise LanguageModelError(
                    f"{urlsplit(OPENAI).hostname} needs a key: set OPENAI_API_KEY, or give the address of a server "
                    "that needs none with --base-url"
                )
            self._client = openai.OpenAI(
                api_key=key or NO_KEY, base_url=address, timeout=self.timeout, max_retries=self.max_retries
            )
        return self._client

    def _address(self) -> str:
        address = self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LanguageModelError("the base URL must be like http://localhost:8000/v1: scheme, host, path")
        return address

    def _safe(self, text: str) -> str:
        """Some servers send the key back, in an error or even in an answer."""
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        return text.replace(key, "[key]") if key else text


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
