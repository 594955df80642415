"""Reads text, YAML and JSON files strictly."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from bioclip_x.errors import BioclipXError
from bioclip_x.io import strict_yaml
from bioclip_x.io.content import name_content, open_content
from bioclip_x.io.encodings import decode_legacy, detect_encoding
from bioclip_x.io.strict_yaml import TOO_DEEP, InvalidDocument
from bioclip_x.limits import DOCUMENT_BYTES, DOCUMENT_DEPTH, LINE_CHARACTERS

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_JSON_PIECE = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]', re.DOTALL)


class _DuplicateKey(Exception):
    """A JSON object has a key twice."""


LegacyNotice = Callable[[int], None]
"""Called with the number of the first line that is not UTF-8."""


def read_text(
    path: Path,
    error: type[BioclipXError] = BioclipXError,
    on_legacy: LegacyNotice | None = None,
    most: int = DOCUMENT_BYTES,
) -> str:
    """Reads a text file in UTF-8, with or without a byte order mark, or UTF-16 with one; see `content` for what is opened.

    on_legacy: if given, a file in another encoding is read as Windows-1252, and this is called; otherwise it is an error.
    most: bytes that it may have. Raises `error` naming the file; also for a NUL byte, which no text has.
    """
    try:
        if path.is_file() and path.stat().st_size > most:
            raise _make_size_error(path, most, error)
        with open_content(path, error) as content:
            raw = b"".join(_read_pieces(content, path, most, error))  # of a pipe or device, too
    except IsADirectoryError:
        raise error(f"{path} is a folder; expected a file") from None
    except FileNotFoundError:
        raise error(f"{path} does not exist") from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}") from problem
    encoding = detect_encoding(raw)
    if encoding != "utf-16" and (place := raw.find(b"\0")) >= 0:
        line = raw[:place].count(b"\n") + 1
        raise error(f"{path}, line {line}: a NUL byte; the file is damaged or not text")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        if on_legacy and encoding != "utf-16":
            on_legacy(line)
            text = decode_legacy(raw)
        else:
            message = f"{path}, line {line}: not valid {encoding.removesuffix('-sig')}; save the file as UTF-8"
            raise error(message) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise error(f"{path}, line {line}: a NUL byte; the file is damaged, or not text")
    return text


def _read_pieces(content: IO[bytes], path: Path, most: int, error: type[BioclipXError]) -> Iterator[bytes]:
    size = 0
    while piece := content.read(1 << 20):
        size += len(piece)
        if size > most:
            raise _make_size_error(path, most, error)
        yield piece


def _make_size_error(path: Path, most: int, error: type[BioclipXError]) -> BioclipXError:
    return error(
        f"{path} has more than {most:,} bytes, which is too large for one document; split it into several files"
    )


def read_lines(
    path: Path, error: type[BioclipXError] = BioclipXError, on_legacy: LegacyNotice | None = None
) -> Iterator[str]:
    """Yields the lines of a text file of any size, with their line ends, in the encodings of `read_text`.

    Raises `error` like `read_text` and `read_stream_lines`.
    """
    try:
        with open_content(path, error) as content:
            stream = io.BufferedReader(content) if isinstance(content, io.BytesIO) else content
            assert isinstance(stream, io.BufferedReader)
            encoding = detect_encoding(stream.peek(2))  # a pipe can be read only once
            yield from read_stream_lines(stream, str(path), error, encoding, on_legacy)
    except OSError:
        read_text(path, error)  # raises `error` with the reason
        raise


def read_stream_lines(
    stream: IO[bytes],
    where: str,
    error: type[BioclipXError] = BioclipXError,
    encoding: str = "utf-8-sig",
    on_legacy: LegacyNotice | None = None,
) -> Iterator[str]:
    """Yields the lines of an open binary file, with their line ends, and closes it. where: its name in errors.

    on_legacy: if given, lines that are not UTF-8 are read as Windows-1252, and it is called for the first of them.

    Raises `error` for a line that is in another encoding, or has a NUL character or more than `LINE_CHARACTERS` characters.
    """
    number, is_utf8 = 0, True
    wanted = encoding.removesuffix("-sig")
    errors = "surrogateescape" if wanted == "utf-8" else "strict"  # so that the line is known
    with io.TextIOWrapper(stream, encoding, errors, newline="") as lines:
        while True:
            try:
                line = lines.readline(LINE_CHARACTERS + 1)
            except UnicodeDecodeError:
                raise error(
                    f"{where}: not valid {wanted}, some lines after line {number}; save the file as UTF-8"
                ) from None
            if not line:
                return
            number += 1
            if len(line) > LINE_CHARACTERS:
                raise error(f"{where}, line {number}: more than {LINE_CHARACTERS:,} characters; is this a text file?")
            if "\0" in line:
                raise error(f"{where}, line {number}: a NUL byte; the file is damaged or not text")
            if wanted == "utf-8" and not line.isascii() and _ESCAPED_BYTE.search(line):
                if on_legacy is None:
                    raise error(f"{where}, line {number}: not valid utf-8; save the file as UTF-8")
                if is_utf8:
                    on_legacy(number)
                    is_utf8 = False
                line = decode_legacy(line.encode("utf-8", "surrogateescape"))
            yield line


def read_yaml(
    path: Path,
    error: type[BioclipXError] = BioclipXError,
    on_legacy: LegacyNotice | None = None,
    most: int = DOCUMENT_BYTES,
) -> Any:
    """Loads a YAML document, or JSON if the suffix is .json, safely. A duplicate key is an error.

    on_legacy, most: see `read_text`. Raises `error` with the file and, if known, the line.
    """
    text = read_text(path, error, on_legacy, most)
    try:
        document = _parse_json(text) if name_content(path).suffix.lower() == ".json" else strict_yaml.load(text)
        if _is_too_deep(document):
            raise InvalidDocument(TOO_DEEP)
    except RecursionError:
        raise error(f"{path}: {TOO_DEEP}") from None
    except InvalidDocument as problem:
        where = f"{path}, line {problem.line}" if problem.line else str(path)
        raise error(f"{where}: {problem}") from None
    return document


def read_json(path: Path, error: type[BioclipXError] = BioclipXError) -> Any:
    """Loads a JSON document that a program wrote: faster than `read_yaml`; of keys that are given twice, the last counts.

    NaN and infinite numbers are accepted, as Python writes them. Raises `error` naming the file.
    """
    text = read_text(path, error, most=DOCUMENT_BYTES)
    try:
        document = json.loads(text)
        _refuse_half_characters(text, document)
    except RecursionError:
        raise error(f"{path}: {TOO_DEEP}") from None
    except (ValueError, InvalidDocument) as problem:
        raise error(
            f"{path} is {'' if isinstance(problem, InvalidDocument) else 'not valid JSON: '}{problem}"
        ) from None
    return document


def _parse_json(text: str) -> Any:
    """Parses JSON with `json`; a YAML parser rejects escaped surrogate pairs and keys over 1,024 characters."""
    try:
        document = json.loads(text, object_pairs_hook=_make_object)
    except _DuplicateKey:
        key, line = _find_duplicate_key(text)
        raise InvalidDocument(f"not valid JSON: the key {key!r} is given twice", line) from None
    except ValueError as problem:
        try:
            return strict_yaml.load(text)  # accepts comments and trailing commas
        except InvalidDocument:
            line = getattr(problem, "lineno", 0)
            raise InvalidDocument(f"not valid JSON: {getattr(problem, 'msg', problem)}", line) from None
    _refuse_half_characters(text, document)
    return document


def _refuse_half_characters(text: str, document: Any) -> None:
    """Raises InvalidDocument for a name that could be neither printed nor saved."""
    if re.search(r"\\u[dD]", text):
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidDocument(
                "not valid JSON: a \\u escape is half a character (one surrogate of a pair)"
            ) from None


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise _DuplicateKey
    return document


def _find_duplicate_key(text: str) -> tuple[str, int]:
    """Returns the first duplicate key and its line, which json's `object_pairs_hook` does not know."""
    objects: list[set[str]] = []
    for piece in _JSON_PIECE.finditer(text):
        if piece[0] == "{":
            objects.append(set())
        elif piece[0] == "}":
            objects.pop()
        elif piece[2]:
            key = json.loads(piece[1])
            if key in objects[-1]:
                return key, text.count("\n", 0, piece.start()) + 1
            objects[-1].add(key)
    raise AssertionError("no key is given twice")


def _is_too_deep(document: Any) -> bool:
    containers = (dict, list, tuple, set)
    level = [document] if isinstance(document, containers) else []
    for _ in range(DOCUMENT_DEPTH):
        if not level:
            return False
        parts = (part for one in level for part in (one.values() if isinstance(one, dict) else one))
        # By identity: an object shared by several aliases is visited once.
        level = list({id(part): part for part in parts if isinstance(part, containers)}.values())
    return bool(level)
