"""Paths that no file can have, and home folders of nobody: they raise errors of many kinds where they are used."""

from __future__ import annotations

import os
from pathlib import Path

from bioclip_x.limits import PATH_BYTES, PATH_PART_BYTES

_SHOWN = 80


def check_path(path: Path) -> Path:
    """Returns the path. Raises ValueError for one with a NUL or half a character, and for one that is too long.

    >>> check_path(Path("a\\0.csv"))
    Traceback (most recent call last):
    ...
    ValueError: expected a path, got a NUL character in 'a\\x00.csv'
    """
    text = str(path)
    shown = repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
    try:
        lengths = [len(os.fsencode(part)) for part in path.parts]
    except UnicodeEncodeError:
        raise ValueError(f"expected a path, got half a character in {shown}") from None
    if "\0" in text:
        raise ValueError(f"expected a path, got a NUL character in {shown}")
    if max(lengths, default=0) > PATH_PART_BYTES:
        raise ValueError(f"expected a path, got a name that is too long, {max(lengths)} bytes, {shown}")
    if sum(lengths) + len(lengths) > PATH_BYTES:
        raise ValueError(f"expected a path, got one that is too long, {sum(lengths) + len(lengths):,} bytes, {shown}")
    return path


def expand_home(path: Path, error: type[Exception]) -> Path:
    """Returns a path whose ~ is a user's home folder. Raises `error` where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise error(f"expected a path, got the home of an unknown user in {str(path)!r}") from None
