"""Captions by a vision model with OpenAI's chat API: OpenAI's own, and every compatible server (vLLM, Ollama, …)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from typing import Annotated, Any, Final

from anyio import to_thread
from pydantic import Field

from bioclip_x.plugin import ANSWER_TOKENS, Answer, CaptionPrompt, NoAnswerError, Taxon, load_caption_prompt
from bioclip_x_plugins.language_models.client import ChatClient
from bioclip_x_plugins.language_models.retries import LONGEST_TIMEOUT, MOST_RETRIES

QUALITY: Final = 90
"""Of the JPEG that is sent."""
LARGEST: Final = 4096

_SENTENCES: Final = re.compile(r".*[.!?](?=[\s\"'”)]|\Z)", re.DOTALL)


class OpenAIVision:
    """Calls POST {base_url}/chat/completions with a question and the image, as a data URI of a JPEG without metadata.

    model: its name on the server. base_url: up to and including /v1; default OPENAI_BASE_URL, else OpenAI's. The key is in
        OPENAI_API_KEY.
    prompt: name of a built-in prompt, a .yaml file of one, or the question itself, in which {name}, {scientific_name},
        {common_name}, {rank} and {lineage} are the taxon's.
    names: whether the prompt may tell the taxon's names; False for captions that owe nothing to the label.
    side: largest side of the image that is sent, in pixels; larger images are made smaller.
    temperature, max_tokens: override those of the prompt. timeout: seconds for one complete answer.
    max_retries: how often a transient failure is retried.
    """

    def __init__(
        self,
        *,
        model: Annotated[str, Field(min_length=1)],
        base_url: str | None = None,
        prompt: Annotated[str, Field(min_length=1)] = "visible",
        names: bool = True,
        side: Annotated[int, Field(ge=16, le=LARGEST)] = 512,
        temperature: Annotated[float, Field(ge=0, le=2)] | None = None,
        max_tokens: Annotated[int, Field(ge=1, le=ANSWER_TOKENS)] | None = None,
        timeout: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT)] = 120.0,
        max_retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)] = 5,
    ) -> None:
        self.prompt, self.names, self.side = prompt, names, side
        self.temperature, self.max_tokens = temperature, max_tokens
        self._client = ChatClient(model, base_url, timeout, max_retries)

    @cached_property
    def _prompt(self) -> CaptionPrompt:
        return load_caption_prompt(self.prompt)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Raises LanguageModelError for an invalid base URL, and DescriptorError for a prompt that cannot be read."""
        settings = {"temperature": self._temperature, "max_tokens": self._max_tokens}
        return {
            "model": self._client.model,
            "host": self._client.host,
            "prompt": self._prompt.name,
            "prompt_sha256": self._prompt.sha256,
            "names": self.names,
            "side": self.side,
            **{key: value for key, value in settings.items() if value is not None},
        }

    @property
    def _temperature(self) -> float | None:
        return self._prompt.temperature if self.temperature is None else self.temperature

    @property
    def _max_tokens(self) -> int | None:
        return self._prompt.max_tokens if self.max_tokens is None else self.max_tokens

    async def caption(self, image: bytes, taxon: Taxon) -> str:
        """Returns the model's answer.

        Raises NoAnswerError for an image that cannot be read, and for an answer that is withheld or cut off; otherwise as
        `ChatClient.ask`.
        """
        question = self._prompt.make_question(taxon) if self.names else self._prompt.text
        address = await to_thread.run_sync(make_data_uri, image, self.side)
        parts: list[Mapping[str, Any]] = [
            {"type": "text", "text": question},
            {"type": "image_url", "image_url": {"url": address}},
        ]
        answer = await self._client.ask(parts, temperature=self._temperature, max_tokens=self._max_tokens)
        return self._read(answer)

    async def close(self) -> None:
        await self._client.close()

    def _read(self, answer: Answer) -> str:
        if answer.finish_reason == "content_filter":
            raise NoAnswerError(f"{self._client.server}: the answer is withheld by the server's content filter")
        if answer.finish_reason != "length":
            return answer.text
        whole = _SENTENCES.match(answer.text)
        if whole is None:
            raise NoAnswerError(f"{self._client.server}: the answer is cut off; increase the option max_tokens=NUMBER")
        return whole[0]


def make_data_uri(image: bytes, side: int) -> str:
    """Returns a JPEG as a data URI: upright, its larger side at most `side` pixels, without metadata such as its place.

    Raises NoAnswerError for one that cannot be read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(image), formats=("JPEG",)) as opened:
            opened.thumbnail((side, side))
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise NoAnswerError(f"the image cannot be read: {type(problem).__name__}: {str(problem)[:200]}") from None
    small = Image.frombytes("RGB", upright.size, upright.tobytes())  # of the pixels alone
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
