"""Ways to damage a file that the program wrote, for cases of stored state."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

Damage = Callable[[Path], None]
"""Damages the file, or folder, of a path."""


def damage_bytes(flips: int = 16) -> Iterator[tuple[str, Damage]]:
    """Yields name → damage: files cut, longer, empty, with other bytes at as many places, and foreign ones."""
    for number in range(flips):
        yield f"flipped-byte-{number}-of-{flips}", partial(flip, number / max(1, flips - 1))
    for number in range(5):
        yield f"cut-at-{number}-of-5", partial(_change, partial(_cut, number / 5))
    yield "cut-by-one", partial(_change, lambda raw: raw[:-1])
    yield "longer-by-one", partial(_change, lambda raw: raw + b"\0")
    yield "twice", partial(_change, lambda raw: raw + raw)
    yield "zeros", partial(_change, lambda raw: bytes(len(raw)))
    yield "foreign-text", partial(_change, lambda raw: b"no such file or directory\n" * 20)
    yield "foreign-pickle", partial(_change, lambda raw: pickle.dumps({"a": [1.0] * 50}))
    yield "foreign-json", partial(_change, lambda raw: b'{"a": ' * 5000)
    yield "foreign-zip", partial(_change, lambda raw: b"PK\x05\x06" + bytes(18))


def damage_places() -> Iterator[tuple[str, Damage]]:
    """Yields name → damage: something else in the file's place."""
    yield "missing", remove
    yield "folder", partial(_put, lambda path: path.mkdir())
    yield "full-folder", partial(_put, _make_full_folder)
    yield "link-to-nothing", partial(_put, lambda path: path.symlink_to("nothing"))
    yield "link-to-itself", partial(_put, lambda path: path.symlink_to(path.name))
    yield "link-to-zeros-without-end", partial(_put, lambda path: path.symlink_to("/dev/zero"))
    yield "pipe", partial(_put, os.mkfifo)


def flip(where: float, path: Path) -> None:
    """Changes one byte. where: from 0, the first, to 1, the last."""
    raw = bytearray(path.read_bytes())
    raw[round(where * (len(raw) - 1))] ^= 0x41
    path.write_bytes(raw)


def remove(path: Path) -> None:
    """Deletes a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _put(make: Damage, path: Path) -> None:
    remove(path)
    make(path)


def _change(change: Callable[[bytes], bytes], path: Path) -> None:
    path.write_bytes(change(path.read_bytes()))


def _cut(part: float, raw: bytes) -> bytes:
    return raw[: round(part * len(raw))]


def _make_full_folder(path: Path) -> None:
    path.mkdir()
    (path / "a").write_text("x")
