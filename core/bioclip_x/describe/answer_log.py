"""Stores every answer of a language model on disk as soon as it arrives: answers cost money, and a run may be killed.

The log has one JSON object per line, appended. An answer is identified by its request (class path, prompt, model, host,
temperature, token limit, form), so a changed prompt or model causes new requests and old answers are kept. A request that
was repeated because an answer was unusable has several lines.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bioclip_x.errors import DescriptorError
from bioclip_x.io.storage.disk import sync, write_all
from bioclip_x.limits import ANSWER_LINE_BYTES, COUNTED_TOKENS
from bioclip_x.records import Answer

SYNC_EVERY: Final = 1.0
"""Seconds. A killed process loses no line that it wrote; a power failure loses what was written since the last sync."""


class AnswerKey(BaseModel):
    """Identifies the answers to one request. path: names of the taxon's lineage from the root. prompt_sha256: of the prompt
    with the name filled in. answers: "json" where an answer by a JSON schema was requested."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    path: tuple[str, ...]
    prompt_sha256: str
    model: str
    host: str
    temperature: float | None
    max_tokens: int | None
    answers: Literal["list", "json"] = "list"


class StoredAnswer(BaseModel):
    """One line of the log. date: of arrival, UTC, ISO 8601. answered_by: the server's name of the model.
    crc32: of the others; "" in lines of earlier versions."""

    model_config = ConfigDict(frozen=True)

    asked: AnswerKey
    date: str
    text: str
    finish_reason: str
    prompt_tokens: Annotated[int, Field(ge=0, le=COUNTED_TOKENS)] | None
    completion_tokens: Annotated[int, Field(ge=0, le=COUNTED_TOKENS)] | None
    answered_by: str = ""
    crc32: str = ""

    def compute_checksum(self) -> str:
        """Returns the CRC-32 of the answer as JSON, eight hex digits."""
        plain = self.model_copy(update={"crc32": ""})
        return f"{zlib.crc32(plain.model_dump_json().encode()):08x}"


class AnswerLog:
    """The answers of one output file; made by `open_log`. broken: number of lines that could not be parsed."""

    def __init__(
        self, path: Path, handle: IO[bytes], answers: dict[AnswerKey, list[StoredAnswer]], broken: int
    ) -> None:
        self.path = path
        self.broken = broken
        self._handle = handle
        self._answers = answers
        self._synced_at = -SYNC_EVERY

    def find(self, key: AnswerKey) -> tuple[StoredAnswer, ...]:
        """Returns all answers to a request, in the order of arrival."""
        return tuple(self._answers.get(key, ()))

    @property
    def latest_key(self) -> AnswerKey | None:
        """The request that was answered last, of those first answered; None for an empty log."""
        return next(reversed(self._answers), None)

    def store(self, key: AnswerKey, answer: Answer, date: str) -> StoredAnswer:
        """Appends an answer. Raises DescriptorError where it cannot be written, for example because the disk is full."""
        stored = StoredAnswer(
            asked=key, date=date, text=_replace_surrogates(answer.text), finish_reason=_replace_surrogates(answer.finish_reason),
            prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens,
            answered_by=_replace_surrogates(answer.model),
        )  # fmt: skip
        stored = stored.model_copy(update={"crc32": stored.compute_checksum()})
        try:
            # A single write unless the disk is nearly full, so that two runs on one file cannot mix their lines.
            write_all(self._handle, stored.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise _make_write_error(self.path, error) from error
        self._answers.setdefault(key, []).append(stored)
        if time.monotonic() - self._synced_at >= SYNC_EVERY:
            self.sync()
        return stored

    def sync(self) -> None:
        """Flushes written lines to the disk. Raises DescriptorError where that fails."""
        self._synced_at = time.monotonic()
        try:
            sync(self._handle.fileno())
        except OSError as error:
            raise _make_write_error(self.path, error) from error


def _replace_surrogates(text: str) -> str:
    """Replaces lone surrogates, which JSON can express but UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode()


def _make_write_error(path: Path, error: OSError) -> DescriptorError:
    return DescriptorError(
        f"{path} cannot be written: {error.strerror or error}; the answers stored so far are kept, run the same "
        "command to continue"
    )


def make_log_path(output: Path) -> Path:
    """
    >>> make_log_path(Path("birds.yaml")).name
    'birds.yaml.answers.jsonl'
    """
    return output.with_name(f"{output.name}.answers.jsonl")


@contextmanager
def open_log(path: Path) -> Iterator[AnswerLog]:
    """Opens the log at `path`, creating it if needed. Raises DescriptorError where it cannot be read or written.

    An incomplete last line, left by a killed run, is terminated and counted as broken. A log that is still empty at the end
    is deleted.
    """
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever, a device would never end
        raise DescriptorError(f"{path} is no file; move it away, or give another --output")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab+", buffering=0)
    except OSError as error:
        raise DescriptorError(f"{path} cannot be written: {error.strerror or error}") from error
    try:
        with handle:
            answers, broken = _parse_lines(_read_whole_lines(path, handle))
            log = AnswerLog(path, handle, answers, broken)
            yield log
            log.sync()
    finally:
        # After closing: Windows does not delete open files.
        with suppress(FileNotFoundError):
            if not path.stat().st_size:
                path.unlink()


def _read_whole_lines(path: Path, handle: IO[bytes]) -> Iterator[bytes]:
    """Yields the file's lines, and appends a line break if its last line has none. Raises DescriptorError for I/O errors."""
    line = b"\n"
    try:
        with path.open("rb") as stream:
            while part := stream.readline(ANSWER_LINE_BYTES):
                line = part
                yield line
        if not line.endswith(b"\n"):
            write_all(handle, b"\n")
    except OSError as error:
        raise DescriptorError(f"{path} cannot be read or written: {error.strerror or error}") from error


def _parse_lines(lines: Iterable[bytes]) -> tuple[dict[AnswerKey, list[StoredAnswer]], int]:
    answers: dict[AnswerKey, list[StoredAnswer]] = {}
    broken = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            answer = StoredAnswer.model_validate_json(line)
        except ValidationError:
            broken += 1
            continue
        if answer.crc32 not in ("", answer.compute_checksum()):
            broken += 1
            continue
        answers.setdefault(answer.asked, []).append(answer)
    return answers, broken
