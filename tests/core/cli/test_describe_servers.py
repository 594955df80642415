"""`bioclip-x describe` against servers that misbehave: what is stored stays, and the next run asks for the rest alone."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.prompts import load_descriptors
from describing import PROGRAM, call, good, named_in, no_key_in
from llm_server import KEY, Reply, failed, said, serving

CLASSES = [f"class {number}" for number in range(30)]
ILL = "class 7"
WHOLE = '{"class": "class 7", "phrases": ["a trait", "another"]}'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def run(url: str, output: Path, *more: Any, retries: int = 0, timeout: float = 20) -> Any:
    llm = f"openai:model=m,max_retries={retries},timeout={timeout}"
    labels = ",".join(CLASSES)
    return call("--labels", labels, "--llm", llm, "--base-url", url, "--output", output, "--concurrency", 4, *more)


def of(body: dict[str, Any]) -> str:
    return named_in(body["messages"][0]["content"])


@pytest.mark.parametrize(
    "reply",
    [
        failed(500, f"broken, {KEY}"), failed(429, "slow down"), failed(400, "too long"), Reply("<html>"),
        Reply('{"choices": [{"mess', headers={"Content-Type": "application/json"}), said("- x " * 2_600_000),
        Reply("x" * 5000, reset=True), Reply({}, wait=60), Reply("x" * 5000, drip=0.05),
    ],
    ids=["500", "429", "400", "html", "half", "10 MB", "reset", "never", "drip"],
)  # fmt: skip
def test_one_class_without_an_answer_costs_no_other_its_own(reply: Reply, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    with serving(lambda body: reply if of(body) == ILL else good(body)) as server:
        result = run(server.url, output, timeout=2)
        assert isinstance(result.exception, BioclipXError)
        assert "29 of 30 questions are answered" in str(result.exception)
        assert str(result.exception).endswith(f"unanswered: {ILL}")
        assert load_descriptors(output).provenance["unanswered"] == [ILL]
        server.asked.clear()
        server.respond = good
        assert run(server.url, output).exit_code == 0
        assert [of(body) for body in server.asked] == [ILL]
    no_key_in(tmp_path, result.output, str(result.exception))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (said("It is a handsome thing that everybody knows."), "prose instead of a list"),
        (said('{"class": "fork", "phrases": ["metal"]}'), "about 'fork' instead"),
        (said("Q: What are useful features for distinguishing a fork in a photo?\n- metal"), "about 'fork' instead"),
        (said(f"{KEY} " * 10), "prose instead of a list"),
        (said(""), "empty answer"),
        (said("x" * 2_000_000), "more than 100,000 characters"),
        (failed(400, "no", code="content_filter"), "withheld by the server's content filter"),
    ],
    ids=["prose", "other json", "other list", "key", "empty", "2 MB", "filtered"],
)
def test_an_answer_of_no_use_is_asked_for_once_more_and_then_named(reply: Reply, reason: str, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    with serving(lambda body: reply if of(body) == ILL else good(body)) as server:
        result = run(server.url, output)
        assert result.exit_code == 1 and f"{ILL} ({reason})" in result.stderr
        assert load_descriptors(output).provenance["unusable"] == {ILL: reason}
        assert Counter(of(body) for body in server.asked)[ILL] == 2 and len(server.asked) == 31
        run(server.url, output)
        assert len(server.asked) == 31
    no_key_in(tmp_path, result.output)


def test_half_a_list_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    with serving(lambda body: said(WHOLE[:-6], "length") if of(body) == ILL else good(body)) as server:
        assert run(server.url, tmp_path / "d.yaml").exit_code == 0
    assert [d.phrase for d in load_descriptors(tmp_path / "d.yaml").classes[ILL]] == ["a trait"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_all_ends_the_run_at_once(status: int, tmp_path: Path) -> None:
    with serving(lambda body: failed(status, f"no, {KEY}")) as server:
        result = run(server.url, tmp_path / "d.yaml", retries=5)
        assert isinstance(result.exception, BioclipXError) and f"HTTP {status}" in str(result.exception)
        assert len(server.asked) <= 4
    assert KEY not in str(result.exception) + result.output
    assert list(tmp_path.glob("d.*")) == []


def test_too_many_requests_hold_all_of_them_back(tmp_path: Path) -> None:
    asked_at: list[float] = []

    def busy(body: dict[str, Any]) -> Reply:
        asked_at.append(time.monotonic())
        return failed(429, "slow down", {"Retry-After": "1"}) if len(asked_at) == 10 else good(body)

    with serving(busy) as server:
        assert run(server.url, tmp_path / "d.yaml", retries=2).exit_code == 0
        assert len(server.asked) == 31
    # Those that were in flight come in; then nothing until the time has passed.
    late = [at for at in asked_at if at - asked_at[9] > 0.9]
    assert len(late) >= 31 - 10 - 4


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("sent", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_run_killed_at_half_repeats_no_stored_answer(sent: str, tmp_path: Path) -> None:
    output, log = tmp_path / "d.yaml", tmp_path / "d.yaml.answers.jsonl"

    def slow(body: dict[str, Any]) -> Reply:
        return Reply(good(body).body, wait=0.1)

    with serving(slow) as server:
        command = ["--labels", ",".join(CLASSES), "--llm", "openai:model=m", "--base-url", server.url]
        command += ["--output", str(output), "--concurrency", "4"]
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, *command], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not log.exists() or log.read_bytes().count(b"\n") < 12):
            time.sleep(0.01)
        process.send_signal(getattr(signal, sent))
        _, errors = process.communicate(timeout=60)
        assert process.returncode != 0 and "Traceback" not in errors
        stored = {json.loads(line)["asked"]["path"][0] for line in log.read_bytes().split(b"\n")[:-1]}
        assert 12 <= len(stored) < 30
        assert run(server.url, output).exit_code == 0
        asked = Counter(of(body) for body in server.asked)
        assert all(asked[name] == 1 for name in stored) and set(asked) == set(CLASSES)
        assert len(server.asked) <= 30 + 4  # those that were in flight
    assert len(load_descriptors(output).classes) == 30
    no_key_in(tmp_path, errors)


def test_a_disk_that_fills_up_loses_nothing_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bioclip_x.describe.answer_log as answer_log

    output, real, written = tmp_path / "d.yaml", answer_log.write_all, [0]

    def full(handle: Any, raw: bytes) -> None:
        written[0] += 1
        if written[0] > 10:
            real(handle, raw[: len(raw) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle, raw)

    with serving(good) as server:
        with monkeypatch.context() as patched:
            patched.setattr(answer_log, "write_all", full)
            result = run(server.url, output)
        assert isinstance(result.exception, BioclipXError)
        assert "cannot be written: No space left on device; the answers stored so far are kept" in str(result.exception)
        stored = load_descriptors(output).classes
        assert len(stored) == 10
        assert run(server.url, output).exit_code == 0
    asked = Counter(of(body) for body in server.asked)
    assert all(asked[name] == 1 for name in stored) and set(asked) == set(CLASSES)
    assert len(server.asked) <= 30 + 4


def test_prices_usage_and_the_estimate_are_told(tmp_path: Path) -> None:
    output, prices = tmp_path / "d.yaml", ("--price-in", 1, "--price-out", 2)
    with serving(good) as server:
        result = run(server.url, output, *prices)
        assert "note: 30 requests: about " in result.stderr and "; cost: about 0.0" in result.stderr
        assert f"30 of 30 classes described in {output}; 210 tokens in, 150 out; cost: 0.0005" in result.stderr
        again = run(server.url, output, *prices, "--dry-run")
    assert "0 requests (30 already answered): about 0 tokens in, 0 out" in again.stdout
    assert "expected both --price-in and --price-out" in str(run("http://x", output, "--price-in", 1).exception)


def test_the_rest_of_the_options_end_to_end(birds_csv: Path, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    refusing = lambda body: failed(400, "no schema") if "response_format" in body else said("- one\n- two")  # noqa: E731
    with serving(refusing) as server:
        result = call(
            birds_csv, "--llm", "openai:model=m", "--base-url", server.url, "--output", output, "--concurrency", 1,
            "--prompt", "exemplar-background:birds", "--at", "genus,species", "--contrast",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        assert sum("response_format" in body for body in server.asked) == 1
    read = load_descriptors(output)
    assert {d.kind for entries in read.classes.values() for d in entries} == {"descriptor", "background"}
    assert {"Parus", "Parus major"} <= set(read.classes)
    about = read.provenance
    assert (about["at"], about["contrast"], about["domain"], about["prompt"]) == (
        ["genus", "species"], True, "birds", "exemplar-background",
    )  # fmt: skip


OWN = """
import time
import anyio
from bioclip_x.plugin import Answer, ComponentSpec, PromptTemplate, hookimpl

class Async:
    provenance = {"model": "own", "host": "none"}

    async def complete(self, prompt, *, taxon, temperature, max_tokens, schema):
        await anyio.sleep(0.01)
        return Answer(f"- looks {prompt}\\n- {taxon.name}-like")

    async def close(self):
        pass

class Stuck(Async):
    def complete(self, prompt, *, taxon, temperature, max_tokens, schema):
        print("asked", flush=True)
        time.sleep(60)

def asks(mood: str = "so"):
    return PromptTemplate(name="own", source="me", text=f"{mood} {{name}}")

@hookimpl
def language_models():
    return [ComponentSpec(kind.__name__.lower(), "own", f"{__name__}:{kind.__name__}") for kind in (Async, Stuck)]

@hookimpl
def prompts():
    return [ComponentSpec("own", "own", f"{__name__}:asks")]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    plugin = tmp_path / "own.py"
    plugin.write_text(OWN, "utf-8")
    return plugin


def test_a_language_model_and_a_prompt_of_ones_own(own: Path, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    result = call(
        "--labels", "a,b,c", "--llm", "async", "--prompt", "own:mood=very", "--plugin", own, "--output", output
    )
    assert result.exit_code == 0, result.output
    assert [d.phrase for d in load_descriptors(output).classes["b"]] == ["looks very b", "b-like"]


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_a_model_without_async_does_not_hold_up_ctrl_c(own: Path, tmp_path: Path) -> None:
    command = ["--labels", "a,b", "--llm", "stuck", "--plugin", str(own), "--output", str(tmp_path / "d.yaml")]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("asked")  # by two threads at once
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "stopped; the answers so far are kept" in errors and "Traceback" not in errors
