"""Curation on the command line: of any file, and of what a language model wrote."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.prompts import load_descriptors
from describing import call
from llm_server import KEY, Reply, said, serving

FILE = """
Parus major: ["- a **black** cap.", eats fish, white cheeks, looks like a Cyanistes caeruleus, white cheek]
Larus nobilis: [a b]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.yaml"
    path.write_text(FILE, "utf-8")
    return path


def test_a_file_is_checked_and_left_as_it_is(file: Path, birds_csv: Path) -> None:
    result = call(birds_csv, "--check", file)
    assert result.exit_code == 1
    told = " ".join(result.stdout.split())
    assert "told Larus nobilis: no taxon of the taxonomy has this name" in told
    assert "mended Parus major: - a **black** cap." in told and "a bullet or list number" in told
    assert "dropped Parus major: white cheek (same as 'white cheeks')" in told
    assert file.read_text("utf-8") == FILE
    found = json.loads(call(birds_csv, "--check", file, "--format", "json").stdout)
    assert found["classes"] == 2 and found["mended"] + found["dropped"] + found["told"] == len(found["findings"])


def test_what_is_left_is_written_on_request_and_over_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "clean.yaml"
    assert call("--check", file, "--output", output, "--quiet").exit_code == 1
    assert load_descriptors(output).classes["Parus major"][0].phrase == "a black cap"
    assert isinstance(call("--check", file, "--output", output).exception, BioclipXError)
    assert isinstance(call("--check", file, "--llm", "openai:model=m").exception, BioclipXError)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bioclip_x.describe.descriptor_file.write_descriptors", full)
    result = call("--check", file, "--output", tmp_path / "other.yaml")
    assert isinstance(result.exception, BioclipXError) and "No space left" in str(result.exception)


def test_a_clean_file_has_status_0(tmp_path: Path) -> None:
    file = tmp_path / "clean.yaml"
    file.write_text("Parus major: [a black cap, white cheeks]\n", "utf-8")
    result = call("--check", file)
    assert result.exit_code == 0
    assert " ".join(result.stdout.split()).endswith(": 1 class, 2 descriptors: no findings")


def test_what_is_written_is_curated_and_what_was_found_is_told(
    birds_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    answers = iter(["- N/A\n- unknown", *["- a **black** cap\n- black caps\n- a black cap."] * 20])

    def respond(body: dict[str, Any]) -> Reply:
        return said(next(answers))

    output = tmp_path / "d.yaml"
    options = ("--llm", "openai:model=m", "--concurrency", 1, "--output")
    with serving(respond) as server:
        result = call(birds_csv, "--base-url", server.url, *options, output)
        # The first answer has nothing that an image shows, and is asked for again.
        assert (result.exit_code, len(server.asked)) == (0, 7)
        kept = call(birds_csv, "--base-url", server.url, *options, tmp_path / "raw.yaml", "--no-curate")
    assert kept.exit_code == 0
    assert "note: curation: near-duplicate: " in result.stderr
    read = load_descriptors(output)
    assert {tuple(d.phrase for d in entries) for entries in read.classes.values()} == {("a black cap",)}
    assert any(line.startswith("near-duplicate") for line in read.provenance["curation"])
    assert "curation" not in load_descriptors(tmp_path / "raw.yaml").provenance
