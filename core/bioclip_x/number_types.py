"""Types of numeric options of the command line: click's, without what no option can mean: NaN, infinity, 10^20 images."""

from __future__ import annotations

import math
from typing import Any

import click

from bioclip_x.limits import COUNT


class WholeNumbers(click.IntRange):
    """Whole numbers of a range: by default those that count something."""

    def __init__(self, min: int = 0, max: int = COUNT) -> None:
        super().__init__(min, max)


class RealNumbers(click.FloatRange):
    """Finite numbers of a range; click compares with its bounds, which NaN passes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number
