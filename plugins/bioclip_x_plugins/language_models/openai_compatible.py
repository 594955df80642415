"""Language models with OpenAI's chat API: OpenAI's own, and every compatible server (vLLM, Ollama, …)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from bioclip_x.plugin import ANSWER_TOKENS, Answer, LanguageModelCapabilities, Taxon
from bioclip_x_plugins.language_models.client import ChatClient
from bioclip_x_plugins.language_models.retries import LONGEST_TIMEOUT, MOST_RETRIES


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
        max_tokens: Annotated[int, Field(ge=1, le=ANSWER_TOKENS)] | None = None,
        timeout: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT)] = 120.0,
        max_retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)] = 5,
        json_schema: bool = True,
    ) -> None:
        self.temperature = temperature
        self.max_tokens = max_tokens
        self._client = ChatClient(model, base_url, timeout, max_retries, json_schema)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Raises LanguageModelError for an invalid base URL."""
        options = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return {
            "model": self._client.model,
            "host": self._client.host,
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
        return await self._client.ask(
            prompt,
            temperature=temperature if self.temperature is None else self.temperature,
            max_tokens=max_tokens if self.max_tokens is None else self.max_tokens,
            schema=schema,
        )

    async def close(self) -> None:
        await self._client.close()
