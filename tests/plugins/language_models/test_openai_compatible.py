"""The `openai` language model against a server on this machine that behaves well, badly, and not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from bioclip_x.errors import LanguageModelError, NoAnswerError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts.list_answers import parse_answer
from bioclip_x.records import Answer
from bioclip_x_plugins.language_models.client import PLACEHOLDER_KEY
from bioclip_x_plugins.language_models.openai_compatible import OpenAICompatible
from llm_server import KEY, Reply, Server, failed, in_turn, said, serving


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@contextmanager
def model(server: Server, **options: Any) -> Iterator[OpenAICompatible]:
    made: OpenAICompatible = create_registry().make(
        "language_models", "openai", {"model": "m", "base_url": server.url, "max_retries": 0} | options
    )
    yield made


def complete(llm: OpenAICompatible, prompt: str = "hello", **wishes: Any) -> Answer:
    async def once() -> Answer:
        try:
            return await llm.complete(prompt, **wishes)
        finally:
            await llm.close()

    return anyio.run(once)


def error_of(*replies: Reply, **options: Any) -> tuple[str, Server]:
    """What the user is told where the server answers so."""
    with serving(in_turn(*replies)) as server, model(server, **options) as llm:
        with pytest.raises(LanguageModelError) as problem:
            complete(llm)
        assert problem.value.__cause__ is None
        assert KEY not in str(problem.value)
        assert server.url.removesuffix("/v1").removeprefix("http://") in str(problem.value)
        return str(problem.value), server


def test_a_good_answer() -> None:
    with serving(in_turn(said("- a red cap"))) as server, model(server) as llm:
        assert complete(llm, temperature=0.0, max_tokens=300) == Answer("- a red cap", "stop", 7, 5, "m")
        assert llm.provenance == {"model": "m", "host": "127.0.0.1"}
    assert server.authorizations == [f"Bearer {KEY}"]
    assert server.asked == [
        {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.0, "max_tokens": 300}
    ]


def test_own_options_override_those_of_the_prompt() -> None:
    with serving(in_turn(said("- x"))) as server, model(server, temperature=1, max_tokens=50) as llm:
        complete(llm, temperature=0.0, max_tokens=300)
        assert llm.provenance == {"model": "m", "host": "127.0.0.1", "temperature": 1.0, "max_tokens": 50}
    assert (server.asked[0]["temperature"], server.asked[0]["max_tokens"]) == (1.0, 50)


def test_unset_options_are_not_sent() -> None:
    with serving(in_turn(said("- x"))) as server, model(server) as llm:
        complete(llm)
    assert set(server.asked[0]) == {"model", "messages"}


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_local_server_needs_no_key(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    if key is None:
        monkeypatch.delenv("OPENAI_API_KEY")
    else:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving(in_turn(said("- x"))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        with model(server, base_url=None) as llm:
            complete(llm)
    assert server.authorizations == [f"Bearer {PLACEHOLDER_KEY}"]


def test_openai_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(LanguageModelError, match=r"api\.openai\.com needs a key: set OPENAI_API_KEY"):
        complete(OpenAICompatible(model="m"))


def test_a_refused_key_is_not_repeated() -> None:
    message, server = error_of(failed(401, f"Incorrect API key provided: {KEY}"), max_retries=5)
    assert "refused the key (HTTP 401); set OPENAI_API_KEY" in message
    assert "Incorrect" not in message
    assert len(server.asked) == 1


def test_retry_after_is_respected() -> None:
    replies = in_turn(failed(429, "slow down", {"Retry-After": "1"}), said("- x"))
    with serving(replies) as server, model(server, max_retries=1) as llm:
        started = time.monotonic()
        assert complete(llm).text == "- x"
        assert time.monotonic() - started >= 0.95
    assert len(server.asked) == 2


def test_a_server_that_keeps_failing() -> None:
    message, server = error_of(failed(500, f"out of memory, {KEY}"), max_retries=1)
    assert "failed in each of 2 tries (HTTP 500: out of memory, [key])" in message
    assert len(server.asked) == 2
    assert "no answer in 1 try: too many requests" in error_of(failed(429, "no credit"))[0]
    assert "(HTTP 500: <html>broken</html>)" in error_of(Reply("<html>broken</html>", 500))[0]


def test_an_unknown_model_and_a_wrong_path() -> None:
    message, _ = error_of(failed(404, "The model `m` does not exist", code="model_not_found"))
    assert "has no model 'm'" in message and "The model `m` does not exist" in message
    with (
        serving(in_turn(said("- x"))) as server,
        model(server, base_url=server.url.removesuffix("/v1")) as llm,
        pytest.raises(LanguageModelError, match="no chat endpoint at this base URL, which usually ends in /v1"),
    ):
        complete(llm)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("<html>Welcome</html>"),
        Reply("{not json", headers={"Content-Type": "application/json"}),
        Reply([1, 2]),
        Reply({"choices": []}),
        Reply({"choices": None, "detail": "?"}),
        Reply({"choices": [{"index": 0}]}),
        Reply({"choices": ["text"]}),
    ],
    ids=["html", "broken", "list", "no-choice", "null", "no-message", "text"],
)
def test_replies_that_are_not_chat_completions(reply: Reply) -> None:
    assert "did not answer with a chat completion" in error_of(reply)[0]


def test_a_slow_or_missing_server() -> None:
    started = time.monotonic()
    message, server = error_of(Reply({}, wait=20), timeout=0.2)
    assert "did not answer in time (1 try); increase the option timeout" in message
    assert time.monotonic() - started < 10
    with model(server) as llm, pytest.raises(LanguageModelError, match=r"cannot be reached \(.*refused.*; 1 try\)"):
        complete(llm)


@pytest.mark.parametrize(
    ("reply", "phrases", "reason"),
    [
        (said("It is a handsome bird that everybody knows."), (), "prose instead of a list"),
        (said("- a black head\n- a yellow bre", "length"), ("a black head",), ""),
        (said(""), (), "empty answer"),
        (said(None), (), "empty answer"),
        (
            said("Q: What are useful features for distinguishing a fork in a photo?\n- metal"),
            (),
            "about 'fork' instead",
        ),
        (failed(400, "filtered", code="content_filter"), (), "withheld by the server's content filter"),
    ],
    ids=["prose", "half", "empty", "null", "other-class", "filtered"],
)
def test_unusable_answers_are_returned(reply: Reply, phrases: tuple[str, ...], reason: str) -> None:
    with serving(in_turn(reply)) as server, model(server) as llm:
        answer = complete(llm)
    parsed = parse_answer(answer.text, name="great tit", finish_reason=answer.finish_reason)
    assert (parsed.phrases, parsed.reason) == (phrases, reason)


def test_a_key_repeated_in_an_answer_is_redacted() -> None:
    with serving(in_turn(said(f"- your key is {KEY}"))) as server, model(server) as llm:
        assert complete(llm).text == "- your key is [key]"


def test_a_server_that_does_not_count_tokens() -> None:
    with serving(in_turn(said("- x", usage=None))) as server, model(server) as llm:
        assert complete(llm) == Answer("- x", "stop", None, None, "m")


def test_the_newer_name_of_the_token_limit() -> None:
    refusal = failed(400, "use max_completion_tokens", param="max_tokens", code="unsupported_parameter")
    with serving(in_turn(refusal, said("- x"))) as server, model(server) as llm:
        complete(llm, max_tokens=9)
        complete(llm, max_tokens=9)
    sent = [{key: value for key, value in body.items() if key.startswith("max")} for body in server.asked]
    assert sent == [{"max_tokens": 9}, {"max_completion_tokens": 9}, {"max_completion_tokens": 9}]


def test_a_refused_temperature_gives_a_hint() -> None:
    refusal = failed(400, "only the default (1)", param="temperature", code="unsupported_value")
    assert "only the default (1)); set it with the option temperature=" in error_of(refusal)[0]


@pytest.mark.parametrize("address", ["localhost:8000/v1", "ftp://x/v1", "http:///v1", f"user:{KEY}@x"])
def test_an_invalid_base_url(address: str) -> None:
    with pytest.raises(LanguageModelError, match="must be like http://localhost:8000/v1") as problem:
        complete(OpenAICompatible(model="m", base_url=address))
    assert KEY not in str(problem.value)


def test_a_password_in_the_base_url_is_not_shown() -> None:
    with (
        serving(in_turn(failed(500, "no"))) as server,
        model(server, base_url=server.url.replace("//", "//user:hush@")) as llm,
    ):
        with pytest.raises(LanguageModelError) as problem:
            complete(llm)
        assert llm.provenance["host"] == "127.0.0.1"
    assert "hush" not in str(problem.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "option 'model'"),
        ({"model": ""}, "option 'model'"),
        ({"model": "m", "temperature": 3}, "option 'temperature'"),
        ({"model": "m", "max_retries": -1}, "option 'max_retries'"),
        ({"model": "m", "api_key": "k"}, "has no option 'api_key'; known: base_url, json_schema, max_retries"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        create_registry().make("language_models", "openai", options)


def test_a_schema_is_sent_unless_the_server_refuses_it() -> None:
    schema = {"type": "object"}
    with serving(in_turn(said('{"phrases": []}'))) as server, model(server) as llm:
        complete(llm, schema=schema)
    form = server.asked[0]["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    with serving(in_turn(failed(400, "unknown field response_format"), said("- x"))) as server, model(server) as llm:
        assert [complete(llm, schema=schema).text for _ in range(3)] == ["- x"] * 3
    assert ["response_format" in body for body in server.asked] == [True, False, False, False]
    with serving(in_turn(said("- x"))) as server, model(server, json_schema=False) as llm:
        complete(llm, schema=schema)
    assert "response_format" not in server.asked[0]


def test_other_refusals_do_not_disable_the_schema() -> None:
    replies = in_turn(failed(400, "context too long"), failed(400, "context too long"), said("- x"))
    with serving(replies) as server, model(server) as llm:
        with pytest.raises(NoAnswerError, match="context too long"):
            complete(llm, schema={"type": "object"})
        complete(llm, schema={"type": "object"})
    assert ["response_format" in body for body in server.asked] == [True, False, True]


def test_both_refusals_with_concurrent_requests() -> None:
    def picky(body: dict[str, Any]) -> Reply:
        if "response_format" in body:
            return failed(422, "no schemas here")
        return failed(400, "newer name", param="max_tokens") if "max_tokens" in body else said("- x")

    async def ask(llm: OpenAICompatible, prompt: str, answers: list[Answer]) -> None:
        answers.append(await llm.complete(prompt, max_tokens=9, schema={}))

    async def many(llm: OpenAICompatible) -> list[Answer]:
        answers: list[Answer] = []
        async with anyio.create_task_group() as group:
            for i in range(8):
                group.start_soon(ask, llm, f"{i}", answers)
        await llm.close()
        return answers

    with serving(picky) as server, model(server) as llm:
        assert [answer.text for answer in anyio.run(many, llm)] == ["- x"] * 8
        complete(llm, max_tokens=9, schema={})
    assert len(server.asked) <= 3 * 8 + 1


@pytest.mark.parametrize(
    "reply",
    [
        failed(500, "no"), failed(503, "no", {"Retry-After": "0"}), failed(429, "no"), failed(408, "no"),
        failed(429, "no", {"Retry-After": "Tue, 04 Mar 2025 05:06:07 GMT"}), Reply("x" * 5000, reset=True),
        Reply({}, wait=20), Reply("x" * 500, drip=0.05),
    ],
    ids=["500", "503", "429", "408", "date", "reset", "never", "drip"],
)  # fmt: skip
def test_transient_failures_are_retried(reply: Reply) -> None:
    with serving(in_turn(reply, said("- x"))) as server, model(server, max_retries=1, timeout=1) as llm:
        assert complete(llm).text == "- x"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (failed(403, f"no, {KEY}"), "does not allow this key the model 'm' .HTTP 403.; set OPENAI_API_KEY"),
        (failed(429, "pay", code="insufficient_quota"), "no credit is left .HTTP 429: pay."),
        (
            failed(429, "later", {"Retry-After": "7200"}),
            "asks to retry in 7,200 s; run the same command then to continue",
        ),
    ],
)
def test_permanent_failures_end_the_run(reply: Reply, message: str) -> None:
    with serving(in_turn(reply)) as server, model(server, max_retries=5) as llm:
        with pytest.raises(LanguageModelError, match=message) as problem:
            complete(llm)
        assert not isinstance(problem.value, NoAnswerError) and KEY not in str(problem.value)
    assert len(server.asked) == 1


def test_an_oversized_reply_is_refused() -> None:
    with (
        serving(in_turn(said("- x " * 2_600_000))) as server,
        model(server) as llm,
        pytest.raises(NoAnswerError, match="it sent more than 4,096 KiB of a reply"),
    ):
        complete(llm)


def test_other_forms_of_content() -> None:
    parts = said(None)
    parts.body["choices"][0]["message"]["content"] = [
        {"type": "text", "text": "- a"},
        {"type": "text", "text": "\n- b"},
        3,
    ]
    parts.body["model"] = f"m-2025 {KEY}"
    refusal = said(None)
    refusal.body["choices"][0]["message"]["refusal"] = "I would rather not."
    with serving(in_turn(parts, refusal)) as server, model(server) as llm:
        first, second = complete(llm), complete(llm)
    assert (first.text, first.model, second.text) == ("- a\n- b", "m-2025 [key]", "I would rather not.")
