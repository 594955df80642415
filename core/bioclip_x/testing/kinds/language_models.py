"""Checks of language models. Those that answer need a model that does, on this machine or behind an option.

Examples, for a model that asks a server: see `bioclip_x.testing.asking`.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

import anyio

from bioclip_x.records import Answer
from bioclip_x.testing.asking import (
    TEXT,
    ask_or_skip,
    close,
    expect_cancellation,
    expect_no_secrets,
    expect_refusals_told,
    expect_retries,
)
from bioclip_x.testing.checks import Subject

PROMPT: Final = "List visual features of a blackbird."


async def complete(model: Any) -> Any:
    answer = model.complete(PROMPT, taxon=None, temperature=0.0, max_tokens=50, schema=None)
    return await answer if inspect.isawaitable(answer) else answer


def check_provenance_has_no_secrets(subject: Subject) -> None:
    """Its provenance tells the model and the host, no key and no address."""
    expect_no_secrets(subject)


def check_it_answers(subject: Subject) -> None:
    """It answers a prompt with an Answer that has a text."""
    [answer] = ask_or_skip(subject, complete)
    assert isinstance(answer, Answer), f"expected an Answer, got {type(answer).__name__}"
    assert isinstance(answer.text, str), f"expected a text, got {answer.text!r}"
    if "url" in subject.examples:
        assert TEXT in answer.text, f"expected the text of the reply, {TEXT!r}, got {answer.text!r}"


def check_it_answers_several_at_once(subject: Subject) -> None:
    """Prompts that are asked at the same time are all answered."""
    answers = ask_or_skip(subject, complete, times=4)
    odd = [answer for answer in answers if not isinstance(answer, Answer)]
    assert len(answers) == 4 and not odd, f"expected four Answers, got {answers!r:.100}"


def check_it_answers_after_it_was_closed(subject: Subject) -> None:
    """A model that was closed may be used again."""
    answers = ask_or_skip(subject, complete, rounds=2)
    assert len(answers) == 2, f"expected an answer before and after closing, got {len(answers)}"


def check_transient_failures_are_retried(subject: Subject) -> None:
    """A lost connection and an overloaded server (503) are tried again."""
    answer = expect_retries(subject, complete)
    assert TEXT in answer.text, f"expected the text of the reply, {TEXT!r}, got {answer.text!r}"


def check_refusals_are_told(subject: Subject) -> None:
    """A server that refuses (401), and a reply that is none, are errors that name the host, and never the key."""
    expect_refusals_told(subject, complete)


def check_a_run_can_be_cancelled(subject: Subject) -> None:
    """A run that is cancelled ends, also while a server does not answer, and the model can be closed afterwards."""
    expect_cancellation(subject, complete, "complete")


def check_it_can_be_closed_unused(subject: Subject) -> None:
    """Closing a model that was not used does nothing."""
    anyio.run(close, subject.make())
