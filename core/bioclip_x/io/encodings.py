"""Detects the encoding of a text file from its byte order mark or its first bytes.

Text files are UTF-8, with or without a mark, or UTF-16 with one (`detect_encoding`); where neither fits, older programs wrote
Windows-1252 (`decode_legacy`). Published checklists come in further encodings (`find_marked_encoding`, `find_unmarked_utf16`).
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Mapping
from typing import Final, TextIO

BOM: Final = "\ufeff"
"""The byte order mark as text."""

BOMS: Final[Mapping[bytes, str]] = {
    codecs.BOM_UTF32_LE: "utf-32",  # must precede UTF-16's, which is a prefix of it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order mark → the codec that decodes the file and removes the mark."""

_NO_ENCODINGS: Final = ("idna", "punycode", "unicode_escape", "raw_unicode_escape")
"""Codecs that Python counts as text encodings: of parts of host names, and of literals."""
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def detect_encoding(head: bytes) -> str:
    """Returns the encoding of a text file from its first bytes: "utf-16" if marked, else "utf-8-sig" (mark optional).

    >>> detect_encoding(b"genus,species"), detect_encoding("genus".encode("utf-16"))
    ('utf-8-sig', 'utf-16')
    """
    return "utf-16" if head.startswith(_UTF16) else "utf-8-sig"


def find_marked_encoding(head: bytes) -> str:
    """Returns the encoding given by a file's byte order mark, including UTF-32; "" if it has none."""
    return next((encoding for mark, encoding in BOMS.items() if head.startswith(mark)), "")


def find_unmarked_utf16(head: bytes) -> str:
    """Detects UTF-16 without a mark, in which every other byte of Western text is zero; "" for anything else.

    >>> find_unmarked_utf16("genus".encode("utf-16-le"))
    'utf-16-le'
    """
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = head[start:2000:2]
        if half and half.count(0) > 0.6 * len(half):
            return encoding
    return ""


def find_text_encoding(name: str) -> str:
    """Returns Python's name of an encoding of text files; "" for an unknown one, and for a codec that is none.

    >>> find_text_encoding("UTF8"), find_text_encoding("hex"), find_text_encoding("klingon")
    ('utf-8', '', '')
    """
    try:
        b"a".decode(name)  # refuses hex, rot13, zlib, undefined
        found = codecs.lookup(name).name
    except (LookupError, ValueError):  # ValueError: a name that is none, such as one with a NUL
        return ""
    return "" if found.replace("-", "_") in _NO_ENCODINGS else found


def decode_head(head: bytes) -> str:
    """Decodes the beginning of a text file, without its mark; invalid or truncated characters are dropped."""
    return head.decode(detect_encoding(head), "ignore")


def decode_legacy(raw: bytes) -> str:
    """Decodes bytes that are not UTF-8: as Windows-1252, or as Latin-1 where they have a byte that the former lacks.

    >>> decode_legacy("Œdicnème".encode("cp1252"))
    'Œdicnème'
    """
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def make_ascii_head(head: bytes) -> bytes:
    """Returns the beginning of a text file without its mark, with one byte per ASCII character, for bytes patterns.

    >>> make_ascii_head("id: 9".encode("utf-16"))
    b'id: 9'
    """
    if head.startswith(_UTF16):
        return head[2:].replace(b"\0", b"")
    return head.removeprefix(codecs.BOM_UTF8)


def open_utf8_stdin() -> TextIO:
    """Returns standard input as UTF-8, with or without a mark. Invalid bytes become surrogates: a file name may be any bytes."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")
    return sys.stdin
