"""The numbers of a training event, by name, as dashboards plot them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bioclip_x.plugin import EpochEnd, StepEnd, Validated

PLACES: Final = ("step", "epoch")


def list_scalars(group: str, event: StepEnd | EpochEnd | Validated) -> dict[str, float]:
    """Returns group/field → number, and group/field/name for each number of a mapping; finite numbers only.

    The fields that say where in the run the event is (`PLACES`) are left out, and so is what is no number. Of a validation,
    the metrics are group/name.
    """
    scalars: dict[str, float] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, Mapping):
            prefix = group if field.name == "metrics" else f"{group}/{field.name}"
            scalars |= {f"{prefix}/{name}": float(number) for name, number in value.items()}
        elif isinstance(value, int | float) and not isinstance(value, bool) and field.name not in PLACES:
            scalars[f"{group}/{field.name}"] = float(value)
    return {name: number for name, number in scalars.items() if math.isfinite(number)}
