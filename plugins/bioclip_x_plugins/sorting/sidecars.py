"""Which keywords a file gets, and its sidecar."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from bioclip_x.plugin import XMP_BYTES, open_replacement
from bioclip_x_plugins.sorting.plan import Image
from bioclip_x_plugins.sorting.transfer import DONE
from bioclip_x_plugins.sorting.xmp import HIERARCHICAL, SUBJECT, Keywords, SidecarError, add_keywords, make_sidecar

Naming = Literal["full", "stem"]
"""IMG_1.JPG.xmp, as darktable and digiKam have it, or IMG_1.xmp, as Lightroom has it."""


def make_keywords(image: Image, min_probability: float) -> Keywords:
    """Names, common names and lineages of all that is named in an image; none for one without a name."""
    named = [one for one in image.results if one.name and not one.probability < min_probability]
    flat = [name for one in named for name in (one.name, one.common_name) if name]
    paths = ["|".join(name.replace("|", "/") for name in one.lineage.values()) for one in named if one.lineage]
    keywords = {SUBJECT: _make_plain(flat), HIERARCHICAL: _make_plain(paths)}
    return {name: words for name, words in keywords.items() if words}


def _make_plain(words: Iterable[str]) -> list[str]:
    """Each once, without the characters that XML has none of."""
    plain = ("".join(c if c.isprintable() else " " for c in word).strip() for word in words)
    return list(dict.fromkeys(filter(None, plain)))


def find_sidecar(file: Path, naming: Naming) -> Path:
    """The sidecar of a file; with "full" names, an existing one of the other kind is not taken for it."""
    return file.with_name(f"{file.name}.xmp") if naming == "full" else file.with_suffix(".xmp")


def read_sidecar(sidecar: Path) -> bytes | None:
    """The bytes of a sidecar; None if there is none. Raises SidecarError for what is no file, or too large."""
    if not os.path.lexists(sidecar):
        return None
    if not sidecar.is_file():  # a pipe or a device has no end
        raise SidecarError("it is not a file")
    with sidecar.open("rb") as stream:
        raw = stream.read(XMP_BYTES + 1)
    if len(raw) > XMP_BYTES:
        raise SidecarError(f"it has more than {XMP_BYTES >> 20} MiB")
    return raw


def write_sidecar(sidecar: Path, keywords: Keywords, *, apply: bool) -> str:
    """Writes or completes a sidecar; without `apply` only says what it would do. Returns "done", "new", "add", or why it cannot.

    Raises BioclipXError if the disk is full.
    """
    try:
        before = read_sidecar(sidecar)
        after = make_sidecar(keywords) if before is None else add_keywords(before, keywords)
        if after == before:
            return DONE
        if apply:
            with open_replacement(sidecar, "wb") as stream:
                stream.write(after)
            return DONE
    except SidecarError as problem:
        return f"the sidecar is left as it is: {problem}"
    return "new" if before is None else "add"
