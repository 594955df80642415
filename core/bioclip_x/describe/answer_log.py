"""Every answer of a language model, on disk as soon as it came: answers cost money, and a run may be killed.

One JSON object a line, appended. A line is found again by what was asked (class path, prompt, model, host, temperature,
token limit, form), so a changed prompt or model is asked anew and the old answers stay where they are. What was asked
several times, because an answer was of no use, has several lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bioclip_x.errors import DescriptorError
from bioclip_x.records import Answer

SYNC_EVERY: Final = 1.0
"""Seconds. A killed program loses no line that it wrote; cut power costs what was written since the last sync."""


class Asked(BaseModel):
    """What identifies an answer. path: the taxon's names from the top. prompt_sha256: of the prompt, name filled in.

    answers: "json" where an answer by a JSON schema was wished for.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    path: tuple[str, ...]
    prompt_sha256: str
    model: str
    host: str
    temperature: float | None
    max_tokens: int | None
    answers: Literal["list", "json"] = "list"


class Kept(BaseModel):
    """One line of the file. date: when the answer came, UTC, ISO 8601. answered_by: what the server calls the model."""

    model_config = ConfigDict(frozen=True)

    asked: Asked
    date: str
    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    answered_by: str = ""


class AnswerLog:
    """The answers of one output file. Make one with `open_log`; broken: how many of its lines are none."""

    def __init__(self, path: Path, handle: IO[bytes], kept: dict[Asked, list[Kept]], broken: int) -> None:
        self.path = path
        self.broken = broken
        self._handle = handle
        self._kept = kept
        self._synced_at = -SYNC_EVERY

    def find(self, asked: Asked) -> tuple[Kept, ...]:
        """All answers to it, in the order in which they came."""
        return tuple(self._kept.get(asked, ()))

    def keep(self, asked: Asked, answer: Answer, date: str) -> Kept:
        """Writes an answer out. Raises DescriptorError where it cannot, a full disk say."""
        kept = Kept(
            asked=asked, date=date, text=_writable(answer.text), finish_reason=_writable(answer.finish_reason),
            prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens,
            answered_by=_writable(answer.model),
        )  # fmt: skip
        try:
            # One write where the disk takes it whole, so that two runs on one file cannot mix their lines.
            write_all(self._handle, kept.model_dump_json().encode() + b"\n")
        except OSError as problem:
            raise _unwritable(self.path, problem) from problem
        self._kept.setdefault(asked, []).append(kept)
        if time.monotonic() - self._synced_at >= SYNC_EVERY:
            self.sync()
        return kept

    def sync(self) -> None:
        """Has what was written brought to the disk. Raises DescriptorError where that fails."""
        self._synced_at = time.monotonic()
        try:
            os.fsync(self._handle.fileno())
        except OSError as problem:
            raise _unwritable(self.path, problem) from problem


def _writable(text: str) -> str:
    """Without halves of characters (lone surrogates), which JSON can spell and no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _unwritable(path: Path, problem: OSError) -> DescriptorError:
    return DescriptorError(
        f"{path} cannot be written: {problem.strerror or problem}; the answers stored before stay, and the same command "
        "goes on from them"
    )


def log_path(output: Path) -> Path:
    """
    >>> log_path(Path("birds.yaml")).name
    'birds.yaml.answers.jsonl'
    """
    return output.with_name(f"{output.name}.answers.jsonl")


@contextmanager
def open_log(path: Path) -> Iterator[AnswerLog]:
    """The log at `path`, begun where there is none. Raises DescriptorError where it cannot be read or written.

    The last line of a run that was killed may be half a line; it is closed off, and counted as broken. A log that is
    still empty in the end is taken away.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab+", buffering=0)
    except OSError as problem:
        raise DescriptorError(f"{path} cannot be written: {problem.strerror or problem}") from problem
    try:
        with handle:
            kept, broken = _read(_whole_lines(path, handle))
            log = AnswerLog(path, handle, kept, broken)
            yield log
            log.sync()
    finally:
        # Only now that it is closed: Windows takes no file away that is open.
        with suppress(FileNotFoundError):
            if not path.stat().st_size:
                path.unlink()


def _whole_lines(path: Path, handle: IO[bytes]) -> bytes:
    """What the file holds; a last line without an end is given one. Raises DescriptorError where the disk refuses."""
    try:
        handle.seek(0)
        raw = handle.read()
        if raw and not raw.endswith(b"\n"):
            write_all(handle, b"\n")
    except OSError as problem:
        raise DescriptorError(f"{path} cannot be read or written: {problem.strerror or problem}") from problem
    return raw


def write_all(handle: IO[bytes], raw: bytes) -> None:
    """An unbuffered write may take a part only (a disk nearly full); the next one goes on, or says why it cannot."""
    while raw:
        raw = raw[handle.write(raw) :]


def _read(raw: bytes) -> tuple[dict[Asked, list[Kept]], int]:
    kept: dict[Asked, list[Kept]] = {}
    broken = 0
    for line in raw.split(b"\n"):
        if not line.strip():
            continue
        try:
            one = Kept.model_validate_json(line)
        except ValidationError:
            broken += 1
            continue
        kept.setdefault(one.asked, []).append(one)
    return kept, broken
