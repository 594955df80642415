"""Third-party JSON files with a class given twice: its lists are joined. In the project's own format it is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import read_text


def read_joined(path: Path) -> tuple[dict[str, Any], list[str]] | None:
    """Reads a document with repeated classes joined, and their names; None if none is, it is not valid or values are no lists."""
    repeated: list[str] = []

    def join(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        joined: dict[str, Any] = {}
        for name, value in pairs:
            if name in joined:
                repeated.append(name)
                if isinstance(value, list) and isinstance(joined[name], list):
                    joined[name].extend(value)
                else:
                    joined[name] = None
            else:
                joined[name] = value
        return joined

    try:
        document = json.loads(read_text(path, DescriptorError), object_pairs_hook=join)
    except (ValueError, RecursionError):
        return None
    if (
        not isinstance(document, dict)
        or not repeated
        or not all(isinstance(document.get(name), list) for name in repeated)
    ):
        return None
    return document, list(dict.fromkeys(repeated))
