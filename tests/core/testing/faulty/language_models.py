"""Language models, each with one fault. They ask a server in plain text."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import anyio

from bioclip_x.plugin import Answer, LanguageModelError, NoAnswerError, Taxon

KIND = "language_models"


class Client:
    is_open = True

    def post(self, url: str, text: str) -> tuple[int, str]:
        """Returns the status, 0 without a reply, and the body."""
        assert self.is_open, "it is closed"
        try:
            with urlopen(url, text.encode(), timeout=30) as reply:
                return reply.status, reply.read().decode()
        except HTTPError as problem:
            with problem:
                return problem.code, problem.read().decode()
        except OSError:
            return 0, "no connection"

    def close(self) -> None:
        self.is_open = False


class Right:
    """the whole reply"""

    retries = 3

    def __init__(self, *, url: str = "http://127.0.0.1:1") -> None:
        self.url = url
        self.client: Client | None = None

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"model": "mine", "host": urlsplit(self.url).hostname}

    async def complete(
        self,
        prompt: str,
        *,
        taxon: Taxon | None,
        temperature: float | None,
        max_tokens: int | None,
        schema: Mapping[str, Any] | None,
    ) -> Any:
        self.client = self.client or Client()
        for _ in range(self.retries):
            status, text = await anyio.to_thread.run_sync(self.client.post, self.url, prompt, abandon_on_cancel=True)
            if 0 < status < 500:
                break
        if status == 200 and not text.startswith("<"):
            return self.make_answer(text)
        raise self.fail(status, text)

    def make_answer(self, text: str) -> Any:
        return Answer(text)

    def fail(self, status: int, text: str) -> Exception:
        kind = LanguageModelError if status == 401 else NoAnswerError
        return kind(f"{urlsplit(self.url).hostname} did not answer: {status}")

    async def close(self) -> None:
        if self.client:
            self.client.close()
            self.client = None


class Telling(Right):
    """an address in its provenance"""

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"model": "mine", "host": self.url}


class Text(Right):
    """a text in place of an Answer"""

    def make_answer(self, text: str) -> Any:
        return text


class OneAtATime(Right):
    """None while another prompt is asked"""

    busy = False

    async def complete(self, prompt: str, **given: Any) -> Any:
        if self.busy:
            return None
        self.busy = True
        answer = await super().complete(prompt, **given)
        self.busy = False
        return answer


class Once(Right):
    """a client that stays closed"""

    async def close(self) -> None:
        if self.client:
            self.client.close()


class Impatient(Right):
    """no retry"""

    retries = 1


class Leaking(Right):
    """the key, which the server repeats"""

    def fail(self, status: int, text: str) -> Exception:
        return LanguageModelError(f"127.0.0.1: {text} {os.environ['MY_KEY']}")


class Stubborn(Right):
    """an answer that cannot be cancelled"""

    async def complete(self, prompt: str, **given: Any) -> Any:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(4)
        return Answer("late")


class Unready(Right):
    """nothing to close before it was used"""

    async def close(self) -> None:
        self.client.close()  # type: ignore[union-attr]
        self.client = None


def make_given(folder: Path, target: type) -> dict[str, Any]:
    return {"examples": {"url": "url", "reply": "a red cap", "key": "MY_KEY"}}


RIGHT = (Right,)
FAULTY = {
    "provenance_has_no_secrets": Telling,
    "it_answers": Text,
    "it_answers_several_at_once": OneAtATime,
    "it_answers_after_it_was_closed": Once,
    "transient_failures_are_retried": Impatient,
    "refusals_are_told": Leaking,
    "a_run_can_be_cancelled": Stubborn,
    "it_can_be_closed_unused": Unready,
}
