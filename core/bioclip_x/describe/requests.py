"""Sends many requests to one language model, several at a time, whether its methods are async or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bioclip_x.calls import Calls
from bioclip_x.errors import NoAnswerError
from bioclip_x.hooks.capabilities import LanguageModelCapabilities, get_capabilities
from bioclip_x.hooks.components import LanguageModel
from bioclip_x.hooks.returned import check_answer
from bioclip_x.records import Answer
from bioclip_x.records.taxon import Taxon

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Request(Generic[Item]):
    """One prompt.

    item: the caller's key for the answer. taxon: the subject. schema: JSON schema of the answer, for models that accept one.
    """

    item: Item
    prompt: str
    taxon: Taxon | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None


def ask_all(
    model: LanguageModel,
    requests: Sequence[Request[Item]],
    take: Callable[[Item, Answer], bool],
    *,
    concurrency: int = 1,
) -> NoAnswerError | None:
    """Sends all requests in order, at most `concurrency` at a time, and closes the model.

    take: called with each answer as it arrives, always in the thread of the event loop, not the caller's; returns True to
        send the request again.

    Returns and raises what `Calls.run` does. Raises PluginError where the model's `capabilities` are of the wrong type.
    """
    sends_schema = get_capabilities(model, LanguageModelCapabilities).json_schema

    def complete(request: Request[Item]) -> Awaitable[Answer] | Answer:
        return model.complete(
            request.prompt,
            taxon=request.taxon,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            schema=request.schema if sends_schema else None,
        )

    return Calls(
        model,
        "complete",
        requests,
        complete,
        lambda request, answer: take(request.item, check_answer(model, answer)),
        at=lambda request: request.taxon.name if request.taxon else "",
        concurrency=min(concurrency, len(requests)),
    ).run()
