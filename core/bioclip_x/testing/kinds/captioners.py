"""Checks of captioners. Those that caption need a model that answers, on this machine or behind an option.

Examples, for a captioner that asks a server: see `bioclip_x.testing.asking`.
"""

from __future__ import annotations

import inspect
import json
from functools import partial
from io import BytesIO
from typing import Any, Final

import anyio
import numpy as np
from PIL import Image

from bioclip_x.errors import NoAnswerError
from bioclip_x.faults import summarise
from bioclip_x.records import Taxon
from bioclip_x.testing.asking import (
    TEXT,
    ask_or_skip,
    asking,
    close,
    expect_cancellation,
    expect_no_secrets,
    expect_refusals_told,
    expect_retries,
)
from bioclip_x.testing.checks import Subject

TAXON: Final = Taxon(
    "species",
    "Turdus merula",
    (("kingdom", "Animalia"), ("family", "Turdidae"), ("genus", "Turdus"), ("species", "Turdus merula")),
    common_names={"en": ("Common Blackbird",)},
)
NAMELESS: Final = Taxon("", "", ())


def make_jpeg(image: Image.Image | None = None) -> bytes:
    """Returns a JPEG file, of noise by default."""
    if image is None:
        image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8))
    buffer = BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


async def caption(captioner: Any, image: bytes | None = None, taxon: Taxon = TAXON) -> Any:
    answer = captioner.caption(make_jpeg() if image is None else image, taxon)
    return await answer if inspect.isawaitable(answer) else answer


def expect_texts(answers: list[Any], n_answers: int) -> None:
    odd = [answer for answer in answers if not isinstance(answer, str)]
    assert len(answers) == n_answers and not odd, f"expected captions, each a str, got {answers!r:.100}"


def check_provenance_has_no_secrets(subject: Subject) -> None:
    """Its provenance tells the model and the host, no key and no address."""
    expect_no_secrets(subject)


def check_provenance_is_json(subject: Subject) -> None:
    """Its provenance is the same as it was once it went through JSON: captions of an interrupted run are recognised by it."""
    with asking(subject) as ready:
        told = dict(ready.make().provenance)
    try:
        read = json.loads(json.dumps(told))
    except (TypeError, ValueError) as problem:
        raise AssertionError(f"expected values that JSON can hold, got {told!r:.150}") from problem
    assert read == told, f"expected texts, numbers, lists and mappings as JSON has them, got {told!r:.150}"


def check_any_image_is_captioned(subject: Subject) -> None:
    """A JPEG of any size, in colours or grey, is captioned, with a name and without one."""
    images = [
        make_jpeg(),
        make_jpeg(Image.new("RGB", (1, 1))),
        make_jpeg(Image.new("L", (32, 24), 120)),
        make_jpeg(Image.new("RGB", (3, 900), "white")),
    ]
    for image in images:
        for taxon in (TAXON, NAMELESS):
            answers = ask_or_skip(subject, partial(caption, image=image, taxon=taxon))
            expect_texts(answers, 1)
            if "url" in subject.examples:
                assert TEXT in answers[0], f"expected the text of the reply, {TEXT!r}, got {answers[0]!r:.100}"


def check_a_broken_image_costs_only_itself(subject: Subject) -> None:
    """An image that is cut short gives a caption or a NoAnswerError, after which others are captioned."""

    async def broken_then_whole(captioner: Any) -> Any:
        try:
            await caption(captioner, make_jpeg()[:300])
        except NoAnswerError as problem:
            assert str(problem), "expected a reason, got an error without one"
        except Exception as problem:
            raise AssertionError(f"expected a NoAnswerError of a broken image, got {summarise(problem)}") from problem
        return await caption(captioner)

    expect_texts(ask_or_skip(subject, broken_then_whole), 1)


def check_it_captions_several_at_once(subject: Subject) -> None:
    """Images that are asked about at the same time are all captioned."""
    expect_texts(ask_or_skip(subject, caption, times=4), 4)


def check_it_captions_after_it_was_closed(subject: Subject) -> None:
    """A captioner that was closed may be used again."""
    expect_texts(ask_or_skip(subject, caption, rounds=2), 2)


def check_transient_failures_are_retried(subject: Subject) -> None:
    """A lost connection and an overloaded server (503) are tried again."""
    answer = expect_retries(subject, caption)
    assert TEXT in answer, f"expected the text of the reply, {TEXT!r}, got {answer!r:.100}"


def check_refusals_are_told(subject: Subject) -> None:
    """A server that refuses (401), and a reply that is none, are errors that name the host, and never the key."""
    expect_refusals_told(subject, caption)


def check_a_run_can_be_cancelled(subject: Subject) -> None:
    """A run that is cancelled ends, also while a server does not answer, and the captioner can be closed afterwards."""
    expect_cancellation(subject, caption, "caption")


def check_it_can_be_closed_unused(subject: Subject) -> None:
    """Closing a captioner that was not used does nothing."""
    anyio.run(close, subject.make())
