"""All cases, by area: each module of `areas` has `cases()`, which makes them by code."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from hostile.case import Case


@cache
def load_corpus() -> dict[str, tuple[Case, ...]]:
    """Returns area → its cases. Raises ValueError where two have one name."""
    areas = {}
    for file in sorted(Path(__file__).with_name("areas").glob("*.py")):
        found = tuple(import_module(f"hostile.areas.{file.stem}").cases())
        names = [case.name for case in found]
        if len(set(names)) < len(names):
            raise ValueError(
                f"{file.stem}: names given twice: {sorted({one for one in names if names.count(one) > 1})}"
            )
        areas[file.stem.replace("_", " ")] = found
    return areas
