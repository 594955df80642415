"""`bioclip-x describe`, whole, against a server on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bioclip_x.errors import BioclipXError
from bioclip_x.prompts import load_descriptors
from describing import PROGRAM, call, good, named_in, no_key_in
from llm_server import KEY, Reply, Server, failed, in_turn, said, serving


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def described(server: Server, birds: Path, output: Path, *more: Any) -> Result:
    llm = "openai:model=m,max_retries=0"
    one = () if "--concurrency" in more else ("--concurrency", 1, "--ask-again", 0)
    return call(birds, "--llm", llm, "--base-url", server.url, "--output", output, *one, *more)


def test_every_class_is_described(birds_csv: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "birds.yaml"
    with serving(good) as server:
        result = described(server, birds_csv, output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "6 of 6 classes described in" in result.stderr
    assert "1 of 6 classes have no common name in language 'en'" in result.stderr
    assert len(server.asked) == 6 and server.asked[0]["max_tokens"] == 300 and server.asked[0]["temperature"] == 0
    read = load_descriptors(output)
    assert [d.phrase for d in read.classes["Parus major"]] == ["looks like a great tit", "has traits"]
    assert [d.phrase for d in read.classes["Emys orbicularis"]] == ["looks like a Emys orbicularis", "has traits"]
    assert {key: read.provenance[key] for key in ("model", "host", "prompt", "language", "named", "tokens")} == {
        "model": "m", "host": "127.0.0.1", "prompt": "cbd", "language": "en", "named": "common",
        "tokens": {"prompt": 42, "completion": 30},
    }  # fmt: skip
    no_key_in(tmp_path, result.output)


def test_labels_and_a_language(birds_csv: Path, tmp_path: Path) -> None:
    with serving(good) as server:
        result = call("--labels", "red fox, gray wolf", "--llm", f"openai:model=m,base_url={server.url}",
                      "--output", tmp_path / "a.yaml", "--quiet")  # fmt: skip
        assert result.exit_code == 0
        assert {named_in(prompt) for prompt in server.prompts} == {"red fox", "gray wolf"}  # two in flight at once
        described(server, birds_csv, tmp_path / "b.yaml", "--language", "de")
        assert named_in(server.prompts[2]) == "Kohlmeise"
        described(server, birds_csv, tmp_path / "c.yaml", "--name", "scientific")
        assert named_in(server.prompts[8]) == "Parus major"


def test_the_language_of_the_users_settings(birds_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOCLIP_X_LANGUAGE", "de")
    assert "Kohlmeise" in call(birds_csv, "--dry-run").output
    assert "great tit" in call(birds_csv, "--dry-run", "--language", "en").output


def test_a_dry_run_asks_nothing(birds_csv: Path, tmp_path: Path) -> None:
    result = call(birds_csv, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.count("\n--- ") + result.stdout.startswith("--- ") == 4
    assert "tell there is a great tit in a photo:\n-" in result.stdout
    assert "6 prompts; 4 are shown: 5 species (descriptor), 1 genus (descriptor)" in result.stdout
    assert list(tmp_path.glob("*.yaml")) == []


def test_answers_of_no_use_are_named_and_the_status_says_so(birds_csv: Path, tmp_path: Path) -> None:
    with serving(in_turn(said("I do not know."), said("- a trait"))) as server:
        result = described(server, birds_csv, tmp_path / "d.yaml")
        assert result.exit_code == 1
        assert (
            "1 of 6 answers are unusable and their classes empty: Parus major (prose instead of a list)"
            in result.stderr
        )
        assert load_descriptors(tmp_path / "d.yaml").empty_classes == ("Parus major",)
        assert described(server, birds_csv, tmp_path / "d.yaml").exit_code == 1 and len(server.asked) == 6
        result = described(server, birds_csv, tmp_path / "d.yaml", "--retry-unusable")
        assert result.exit_code == 0 and len(server.asked) == 7
        assert "6 of 6 classes described" in result.stderr


def test_a_failing_server_leaves_what_there_is_and_the_next_run_goes_on(birds_csv: Path, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    with serving(in_turn(said("- a trait"), said("- a trait"), failed(500, f"broken, {KEY}"))) as server:
        result = described(server, birds_csv, output)
        assert isinstance(result.exception, BioclipXError)
        assert "HTTP 500: broken, [key]" in str(result.exception)
        assert "2 of 6 questions are answered" in str(result.exception)
        assert len(load_descriptors(output).provenance["unanswered"]) == 4
        server.respond = good
        assert described(server, birds_csv, output).exit_code == 0
    assert len(server.asked) == 2 + 4 + 4
    no_key_in(tmp_path, str(result.exception))


def test_a_failing_server_leaves_a_fuller_file_in_place(birds_csv: Path, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    with serving(good) as server:
        described(server, birds_csv, output)
        server.respond = lambda body: failed(500, "broken")
        result = described(server, birds_csv, output, "--name", "scientific", "--quiet")
    # The one without a common name is asked of by the same name as before.
    assert f"note: {output} describes 6 classes and is kept; what is described so far, 1 class, is in" in result.stderr
    assert len(load_descriptors(output).classes) == 6


def started(server: Server, birds: Path, output: Path) -> subprocess.Popen[str]:
    llm = "openai:model=m,max_retries=0"
    arguments = [birds, "--llm", llm, "--base-url", server.url, "--output", output, "--concurrency", 1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    deadline = time.monotonic() + 60
    while len(server.asked) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    return process


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("sent", ["SIGKILL", "SIGINT"])
def test_a_run_stopped_in_the_middle_goes_on(birds_csv: Path, tmp_path: Path, sent: str) -> None:
    output = tmp_path / "d.yaml"

    def stuck_at_the_third(body: dict[str, Any]) -> Reply:
        reply = good(body)
        return reply if len(server.asked) < 3 else Reply(reply.body, wait=30)

    with serving(stuck_at_the_third) as server:
        process = started(server, birds_csv, output)
        process.send_signal(getattr(signal, sent))
        _, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        assert output.exists() == (sent == "SIGINT")
        if sent == "SIGINT":
            assert "stopped; the answers so far are kept" in errors
            assert len(load_descriptors(output).classes) == 2
        before = server.prompts[:2]
        server.asked.clear()
        server.respond = good
        assert described(server, birds_csv, output).exit_code == 0
        assert len(server.asked) == 4
        assert not set(before) & set(server.prompts)
    assert len(load_descriptors(output).classes) == 6
    no_key_in(tmp_path, errors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a TAXONOMY file or --labels"),
        (["--labels", "a,b"], "expected --llm .* and --output FILE, or --dry-run"),
        (["--labels", "a,b", "--llm", "openai:model=m"], "and --output FILE"),
        (["--labels", "a,b", "--dry-run", "--prompt", "cuppl"], "no prompt is called 'cuppl'; known: cbd, exemplar"),
        (["--labels", "a,a", "--dry-run"], "the label 'a' is given twice"),
        (["missing.csv", "--dry-run"], "missing.csv does not exist"),
        (["missing.csv", "--labels", "a", "--dry-run"], "either a TAXONOMY file or --labels"),
        (["--labels", "a", "--llm", "opnai", "--output", "x.yaml"], "no language model is called 'opnai'; known: op"),
        (["--labels", "a", "--llm", "openai", "--output", "x.yaml"], "option 'model'"),
        (["--labels", "a", "--llm", "openai:model=m,base_url=http://a", "--base-url", "http://b", "--output", "x.yaml"],
         "name different servers"),
    ],
)  # fmt: skip
def test_requests_that_are_wrong(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert isinstance(result.exception, BioclipXError)
    with pytest.raises(BioclipXError, match=message):
        raise result.exception
    assert list(tmp_path.iterdir()) == []


def test_a_language_model_of_ones_own(tmp_path: Path) -> None:
    plugin = tmp_path / "parrot.py"
    plugin.write_text(
        """
from bioclip_x import ComponentSpec, hookimpl
from bioclip_x.records import Answer

class Parrot:
    provenance = {"model": "parrot", "host": "none"}

    def complete(self, prompt, *, taxon, temperature, max_tokens, schema):
        return Answer("- green")

    def close(self):
        pass

@hookimpl
def language_models():
    return [ComponentSpec("parrot", "says green", f"{__name__}:Parrot")]
""",
        "utf-8",
    )
    output = tmp_path / "d.yaml"
    result = call("--labels", "a,b", "--llm", "parrot", "--plugin", plugin, "--output", output)
    assert result.exit_code == 0
    assert load_descriptors(output).provenance["tokens"] == {"prompt": None, "completion": None}
