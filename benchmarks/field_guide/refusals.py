"""How often the gate errs: images of another kind let in, and the field guide's own drawings refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intervals import share

from bioclip_x import Classifier

PICTURES = {".jpg", ".jpeg", ".png"}  # .JPEG too: suffixes are lowered


def refused(folder: Path) -> dict[str, Any]:
    """Per folder below this one: the share of images refused, of those that can be read; and of all of them."""
    classifier = Classifier()
    found: dict[str, Any] = {}
    every: list[bool] = []
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in below.rglob("*") if path.suffix.lower() in PICTURES)
        each = [bool(result.refused) for result in classifier.classify(files) if not result.error] if files else []
        if each:
            found[below.name] = share(each)
            every += each
    return {"folders": found, "all": share(every)}
