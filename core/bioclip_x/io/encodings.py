"""Which encoding a text file is in: by its byte order mark, or by how it begins.

Text files are UTF-8, with or without a mark, or UTF-16 with one (`detect_encoding`). Published checklists are in more than that
(`marked_encoding`, `unmarked_utf16`).
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Mapping
from typing import Final, TextIO

BOM: Final = "\ufeff"
"""The byte order mark as text."""

BOMS: Final[Mapping[bytes, str]] = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16's does, and so comes before it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order mark → the codec that reads what follows, and takes the mark away."""

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def detect_encoding(head: bytes) -> str:
    """The encoding of a text file that begins so: "utf-16" by its mark, else "utf-8-sig", which needs none.

    >>> detect_encoding(b"genus,species"), detect_encoding("genus".encode("utf-16"))
    ('utf-8-sig', 'utf-16')
    """
    return "utf-16" if head.startswith(_UTF16) else "utf-8-sig"


def find_marked_encoding(head: bytes) -> str:
    """The encoding that a file's byte order mark tells, UTF-32 too; "" where it has none."""
    return next((encoding for mark, encoding in BOMS.items() if head.startswith(mark)), "")


def find_unmarked_utf16(head: bytes) -> str:
    """UTF-16 without a mark, where every other byte of Western text is zero; "" for anything else.

    >>> unmarked_utf16("genus".encode("utf-16-le"))
    'utf-16-le'
    """
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = head[start:2000:2]
        if half and half.count(0) > 0.6 * len(half):
            return encoding
    return ""


def decode_head(head: bytes) -> str:
    """The beginning of a text file as text, without its mark; what is no text in it, or is cut short, is left out."""
    return head.decode(detect_encoding(head), "ignore")


def make_ascii_head(head: bytes) -> bytes:
    """The beginning of a text file with its ASCII characters a byte each, without its mark: for patterns of bytes.

    >>> ascii_head("id: 9".encode("utf-16"))
    b'id: 9'
    """
    if head.startswith(_UTF16):
        return head[2:].replace(b"\0", b"")
    return head.removeprefix(codecs.BOM_UTF8)


def open_utf8_stdin() -> TextIO:
    """Standard input as UTF-8, with a mark or without. Bytes that are none come as surrogates: a file's name may be any bytes."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")
    return sys.stdin
