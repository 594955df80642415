"""Captioners, each with one fault. They ask a server in plain text."""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import anyio
from PIL import Image

from bioclip_x.plugin import LanguageModelError, NoAnswerError, Taxon

KIND = "captioners"


class Client:
    is_open = True

    def post(self, url: str, data: bytes) -> tuple[int, str]:
        """Returns the status, 0 without a reply, and the body."""
        assert self.is_open, "it is closed"
        try:
            with urlopen(url, data, timeout=30) as reply:
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

    async def caption(self, image: bytes, taxon: Taxon) -> Any:
        self.look_at(image)
        self.client = self.client or Client()
        for _ in range(self.retries):
            status, text = await anyio.to_thread.run_sync(self.client.post, self.url, image, abandon_on_cancel=True)
            if 0 < status < 500:
                break
        if status == 200 and not text.startswith("<"):
            return text
        raise self.fail(status, text)

    def look_at(self, image: bytes) -> None:
        try:
            Image.open(BytesIO(image)).load()
        except OSError as problem:
            raise NoAnswerError(f"the image cannot be read: {problem}") from None

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


class Unwritable(Right):
    """a set in its provenance"""

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"model": "mine", "host": "here", "sides": {512}}


class NeedsAName(Right):
    """None of a taxon without a name"""

    async def caption(self, image: bytes, taxon: Taxon) -> Any:
        return await super().caption(image, taxon) if taxon.name else None


class Fragile(Right):
    """Pillow's error of an image that is cut short"""

    def look_at(self, image: bytes) -> None:
        Image.open(BytesIO(image)).load()


class OneAtATime(Right):
    """None while another image is asked about"""

    busy = False

    async def caption(self, image: bytes, taxon: Taxon) -> Any:
        if self.busy:
            return None
        self.busy = True
        answer = await super().caption(image, taxon)
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
    """a caption that cannot be cancelled"""

    async def caption(self, image: bytes, taxon: Taxon) -> Any:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(4)
        return "late"


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
    "provenance_is_json": Unwritable,
    "any_image_is_captioned": NeedsAName,
    "a_broken_image_costs_only_itself": Fragile,
    "it_captions_several_at_once": OneAtATime,
    "it_captions_after_it_was_closed": Once,
    "transient_failures_are_retried": Impatient,
    "refusals_are_told": Leaking,
    "a_run_can_be_cancelled": Stubborn,
    "it_can_be_closed_unused": Unready,
}
