"""The numbers of a training event, by name, as dashboards plot them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioclip_x.plugin import EpochEnd, StepEnd, Validated

PLACES = ("step", "epoch")


def list_scalars(group: str, event: StepEnd | EpochEnd | Validated) -> dict[str, float]:
    """Returns group/field → number, and group/field/name for each number of a mapping; finite numbers only.

    The fields that say where in the run the event is (`PLACES`) are left out.
    """
    scalars: dict[str, float] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name in PLACES:
            continue
        if isinstance(value, Mapping):
            scalars |= {f"{group}/{field.name}/{name}": float(number) for name, number in value.items()}
        elif isinstance(value, int | float):
            scalars[f"{group}/{field.name}"] = float(value)
    return {name: number for name, number in scalars.items() if math.isfinite(number)}
