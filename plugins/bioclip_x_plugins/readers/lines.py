"""Line-by-line reading of text files of any size. Shared by the readers of formats with one record per line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from bioclip_x.plugin import Findings, TaxonomyError, decode_head, make_ascii_head, read_lines, read_stream_lines

_LINE_END: Final = re.compile(r"\r\n?|\n")
_JSON: Final = re.compile(rb'\s*\[?\s*\{\s*"')


def is_json_or_yaml(path: Path, head: bytes) -> bool:
    """Recognises JSON and YAML by suffix, and JSON also by its first characters."""
    return path.suffix.lower() in (".json", ".yaml", ".yml") or bool(_JSON.match(make_ascii_head(head)))


def decode_head_text(head: bytes) -> str:
    """Decodes the head of a file for sniffing, up to the first NUL character."""
    return decode_head(head).partition("\0")[0]


def split_head_lines(head: bytes, count: int = 20) -> list[str]:
    """Returns the first non-blank lines of a file, for sniffing; without the last, possibly cut, unless it is the only one."""
    lines = _LINE_END.split(decode_head_text(head))
    complete = lines[:-1] or lines
    return [line for line in complete if line.strip()][:count]


def read_text_lines(path: Path, findings: Findings | None = None) -> Iterator[tuple[int, str]]:
    """Yields (line number, line without its end) of a UTF-8 file, or UTF-16 with a byte order mark; skips blank lines.

    Any other encoding is read as Windows-1252 with a warning in `findings`; without these it is a TaxonomyError, as are a
    NUL byte and an overlong line.
    """
    return _number_filled_lines(read_lines(path, TaxonomyError, findings.warn_encoding if findings else None))


def read_text_stream(stream: IO[bytes], where: str, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """Like `read_text_lines`, for an open stream, which is closed at the end. where: its name in errors."""
    return _number_filled_lines(read_stream_lines(stream, where, TaxonomyError, encoding))


def _number_filled_lines(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    return ((number, line.rstrip("\r\n")) for number, line in enumerate(lines, start=1) if not line.isspace())
