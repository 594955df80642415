"""JSON that others published with a class in it twice: its lists are joined. In files of one's own it is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import read_text


def read_joined(path: Path) -> tuple[dict[str, Any], list[str]] | None:
    """The document and the classes that are in it more than once; None where it is no such file."""
    repeated: list[str] = []

    def joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                repeated.append(name)
                value = found[name] + value if isinstance(value, list) and isinstance(found[name], list) else None
            found[name] = value
        return found

    try:
        document = json.loads(read_text(path, DescriptorError), object_pairs_hook=joined)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not all(isinstance(document.get(name), list) for name in repeated):
        return None
    return document, list(dict.fromkeys(repeated))
