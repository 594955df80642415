"""The commands under test, and what each must leave behind."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

DATE = re.compile(rb"date\"?: ['\"]?[0-9T:+-]+['\"]?")


def _read_file(output: Path) -> bytes:
    return output.read_bytes()


def _read_data_set(output: Path) -> bytes:
    """The digests of a data set's files, besides those of the stages."""
    files = sorted(file for file in output.rglob("*") if file.is_file())
    kept = [file for file in files if file.relative_to(output).parts[0] != "work"]
    lines = (f"{file.relative_to(output)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in kept)
    return "\n".join(lines).encode()


@dataclass(frozen=True)
class Command:
    """A command under test. arguments: in which {folder} holds the inputs, {output} is the output and {url} a language model.

    resume: what makes it continue. kept: files that may stay beside a complete output. strip: removes times from bytes.
    read: reads a complete output. replaces: whether an earlier output stays until there is a new one: a command without
    --resume. fills_cache: whether it makes a part of the cache that takes long; each run then has a cache of its own, which
    must end with the same files.
    """

    arguments: tuple[str, ...]
    suffix: str
    resume: tuple[str, ...] = ("--resume",)
    kept: tuple[str, ...] = ()
    strip: Callable[[bytes], bytes] = field(default=lambda raw: raw)
    read: Callable[[Path], bytes] = _read_file
    replaces: bool = False
    fills_cache: bool = False


def _embed(suffix: str, *kept: str) -> Command:
    return Command(
        ("embed", "{folder}/images", "--batch-size", "4", "--output", "{output}", "--quiet"), suffix, kept=kept
    )


def _classify(suffix: str, *kept: str) -> Command:
    return Command(
        ("classify", "{folder}/images", "--batch-size", "4", "--report", "{output}", "--format", "csv", "--quiet"),
        suffix,
        kept=kept,
    )


COMMANDS = {
    "classify csv": _classify(".csv", ".provenance.json"),
    "classify jsonl": _classify(".jsonl"),
    "classify parquet": _classify(".parquet"),
    "classify html": _classify(".html"),
    "embed npz": _embed(".npz"),
    "embed csv": _embed(".csv", ".provenance.json"),
    "embed json": _embed(".json"),
    "embed parquet": _embed(".parquet"),
    "describe": Command(
        (
            "describe", "--labels", "{folder}/labels.txt", "--llm", "openai:model=m", "--base-url", "{url}",
            "--output", "{output}", "--concurrency", "2", "--quiet",
        ),
        ".yaml",
        kept=(".answers.jsonl",),
        strip=lambda raw: DATE.sub(b"", raw),
    ),
    "text bank": Command(
        (
            "classify", "{folder}/images/00001.png", "--labels", "{folder}/many.txt", "--output", "{output}", "--quiet",
        ),
        ".csv",
        kept=(".provenance.json",),
        fills_cache=True,
    ),
    "taxonomy convert": Command(
        ("taxonomy", "convert", "{folder}/tree.csv", "--output", "{output}"), ".yaml", resume=(), replaces=True,
        fills_cache=True,  # with the compiled tree
    ),
    "evaluate": Command(
        (
            "evaluate", "{folder}/labelled", "--taxonomy", "{folder}/species.csv", "--batch-size", "4", "--format", "json",
            "--output", "{output}", "--quiet",
        ),
        ".json",
        resume=(),
        strip=lambda raw: DATE.sub(b"", raw),
        replaces=True,
    ),
    "calibrate": Command(
        (
            "calibrate", "field-guide:count=150,seed=9", "--batch-size", "4", "--output", "{output}", "--quiet",
        ),
        ".yaml",
        resume=(),
        strip=lambda raw: DATE.sub(b"", raw),
        replaces=True,
    ),
    "explain": Command(
        (
            "explain", "{folder}/labelled", "--taxonomy", "{folder}/species.csv", "--plugin", "descriptors",
            "--batch-size", "4", "--output", "{output}", "--quiet",
        ),
        ".csv",
        resume=(),
        kept=(".provenance.json",),
        replaces=True,
    ),
    "dataset build": Command(
        ("dataset", "build", "{folder}/build.yaml", "--output", "{output}", "--quiet"), "", resume=(), read=_read_data_set
    ),
}  # fmt: skip
"""What is tested. A command that runs for seconds is added here."""
