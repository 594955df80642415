"""Reads the elements of a JSON document's arrays one by one, in memory independent of their number."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, Final

from bioclip_x.plugin import DatasetError, open_content

CHUNK: Final = 1 << 20
LONGEST: Final = 64 << 20
"""Most characters of an element."""
_NUMBER: Final = re.compile(r"[0-9+\-.eE]*")
_BLANK: Final = " \t\r\n"


def iterate_arrays(path: Path, keys: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yields (key, element) for the arrays of these keys of the object at the top of a file, in the file's order.

    Raises DatasetError for a file that is missing, cut short, or no JSON object.
    """
    try:
        with open_content(path, DatasetError) as stream:
            yield from _Scanner(path, stream).scan(keys)
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}") from problem


class _Scanner:
    """A position in the text of a stream, of which a part is in memory."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._parse = json.JSONDecoder().raw_decode
        self._text, self._at, self._is_over = "", 0, False

    def scan(self, keys: Collection[str]) -> Iterator[tuple[str, Any]]:
        self._expect("{")
        while self._peek() != "}":
            key = self._take_value()
            self._expect(":")
            if self._peek() == "[" and isinstance(key, str):
                self._at += 1
                while self._peek() != "]":
                    element = self._take_value()
                    if key in keys:
                        yield key, element
                    self._take_comma("]")
                self._at += 1
            else:
                self._take_value()
            self._take_comma("}")

    def _fill(self) -> bool:
        """Reads on; False at the end."""
        raw = self._stream.read(CHUNK)
        more = self._decoder.decode(raw, final=not raw)
        self._text, self._at = self._text[self._at :] + more, 0
        self._is_over = not raw
        return bool(raw)

    def _peek(self) -> str:
        """Returns the next character that is not blank, and goes to it."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                raise DatasetError(f"{self._path} is cut short: its JSON has no end; download it again")

    def _expect(self, character: str) -> None:
        if (found := self._peek()) != character:
            raise DatasetError(f"{self._path} is not the expected JSON: expected {character!r}, got {found!r}")
        self._at += 1

    def _take_comma(self, end: str) -> None:
        if self._peek() != end:
            self._expect(",")

    def _take_value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except (ValueError, RecursionError) as problem:
                if self._is_over or isinstance(problem, RecursionError) or len(self._text) - self._at > LONGEST:
                    reason = "is cut short" if self._is_over else "is not valid JSON"
                    raise DatasetError(f"{self._path} {reason}: {problem}"[:300]) from None
                self._fill()
                continue
            if not self._is_over and _NUMBER.fullmatch(self._text, end):  # a number may go on
                self._fill()
                continue
            self._at = end
            return value
