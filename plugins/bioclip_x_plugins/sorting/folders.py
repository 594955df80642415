"""Which folder an image belongs in, and names that every file system takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from bioclip_x_plugins.sorting.results_files import Named

UNNAMED: Final = "_unnamed"
"""The folder of what has no name; a folder in it for each reason."""
LONGEST: Final = 100
"""Bytes of a name in UTF-8; file systems take 255, and some all of a path's names together."""
RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any suffix."""


def make_safe(name: str) -> str:
    r"""A name for a file or folder on any system: no separators, none of Windows' forbidden characters or names.

    >>> make_safe("Parus major"), make_safe('a/b:c*"d"'), make_safe("con.jpg"), make_safe("end. "), make_safe("..")
    ('Parus major', 'a_b_c__d_', '_con.jpg', 'end', '_')
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    text = "".join("_" if c in '<>:"/\\|?*' or not c.isprintable() else c for c in text).strip(" ")
    text = text.encode()[:LONGEST].decode("utf-8", "ignore").rstrip(". ")
    if RESERVED.fullmatch(text) or not text or text.startswith("."):
        text = f"_{text.lstrip('.')}"
    return text


def make_safe_file(name: str) -> str:
    """A file's name, made safe, with its suffix kept where the name is too long.

    >>> make_safe_file("a:b.JPG"), make_safe_file("x" * 300 + ".jpg")[-5:]
    ('a_b.JPG', 'x.jpg')
    """
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix.encode("utf-8", "replace")) > 10:
        return make_safe(name)
    safe = make_safe(f"{stem}.{suffix}")
    if safe.endswith(f".{suffix}"):
        return safe
    kept = stem.encode("utf-8", "replace")[: LONGEST - 12].decode("utf-8", "ignore")
    return make_safe(f"{kept}.{make_safe(suffix)}")


def find_folder(one: Named, by: Sequence[str], min_probability: float) -> tuple[str, ...]:
    """The folders, from the top, of a result. by: ranks, or "name" for the reported name whatever its rank.

    A rank that the lineage lacks is "_no-RANK"; a label that is no taxon is a folder by its name.
    """
    if not one.name:
        return (UNNAMED, "failed" if one.failed else make_reason(one.reason))
    if min_probability and not one.probability >= min_probability:
        return (UNNAMED, f"below-{min_probability:g}")
    if not one.lineage:
        return (make_safe(one.name),)
    names = [one.name if rank == "name" else one.lineage.get(rank, "") for rank in by]
    return tuple(make_safe(name) if name else f"_no-{make_safe(rank)}" for rank, name in zip(by, names))


def make_reason(reason: str) -> str:
    """A folder's name for a reason, the same for all numbers in it.

    >>> make_reason("nothing found by boxes (best 0.12)"), make_reason("")
    ('nothing-found-by-boxes-best', 'no-reason-told')
    """
    words = re.findall(r"[^\W\d_]+", re.sub(r"\d+(?:[.,]\d+)?", " ", reason))
    return make_safe("-".join(words)[:60].strip("-")) if words else "no-reason-told"
