"""Text files line by line, however large. Shared by the readers of formats that have a record a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from bioclip_x.plugin import TaxonomyError, decode_head, make_ascii_head, read_lines, read_stream_lines

_JSON: Final = re.compile(rb'\s*\[?\s*\{\s*"')


def is_json_or_yaml(path: Path, head: bytes) -> bool:
    """By the suffix, or by a beginning that only JSON has. YAML without its suffix could be anything."""
    return path.suffix.lower() in (".json", ".yaml", ".yml") or bool(_JSON.match(make_ascii_head(head)))


def decode_head_text(head: bytes) -> str:
    """The beginning of a file as text, for sniffing, up to its first NUL character."""
    return decode_head(head).partition("\0")[0]


def split_head_lines(head: bytes, count: int = 20) -> list[str]:
    """The first lines of a file, for sniffing; blank ones left out, and the last, which may be cut short, if others are there."""
    lines = decode_head_text(head).split("\n")
    whole = lines[:-1] or lines
    return [line.rstrip("\r") for line in whole if line.strip()][:count]


def read_text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line without its end) of a file in UTF-8, or UTF-16 with its mark, blank lines left out.

    Raises TaxonomyError for what is no such text, for a NUL byte and for an endless line.
    """
    return _filled(read_lines(path, TaxonomyError))


def read_text_stream(stream: IO[bytes], where: str, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """The same of a file that is open, and closed at the end. where: its name in errors."""
    return _filled(read_stream_lines(stream, where, TaxonomyError, encoding))


def _filled(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    return ((number, line.rstrip("\r\n")) for number, line in enumerate(lines, start=1) if not line.isspace())
