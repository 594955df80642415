"""Options of the command line: numbers out of range, contradictions, names that are none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hostile.case import REFUSED, Case
from hostile.inputs import classify, write_image, write_labels


def cases() -> Iterator[Case]:
    for value in ("0", "-1", "100000000000000000000", "1e3", "nan", "", "²", "0x10"):
        yield Case(f"batch-size-{value.encode().hex()}", partial(_run, "--batch-size", value), REFUSED, "batch-size")


def _run(flag: str, value: str, folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    return classify(flag, value)
