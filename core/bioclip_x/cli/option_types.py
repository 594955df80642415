"""Types of the command line's options: click's, without what no option can mean: NaN, 10^20 images, a blank path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bioclip_x.io.paths import check_path
from bioclip_x.limits import COUNT, NUMBER


class WholeNumbers(click.IntRange):
    """Whole numbers of a range: by default those that count something."""

    def __init__(self, min: int = 0, max: int = COUNT) -> None:
        super().__init__(min, max)


class RealNumbers(click.FloatRange):
    """Numbers of a range, by default what float32 holds; click compares with its bounds, which NaN passes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not abs(number) <= NUMBER:
            self.fail(f"{str(value)[:80]!r} is not a number from {-NUMBER:g} to {NUMBER:g}.", param, ctx)
        return number


class PathName(click.Path):
    """Paths. A blank one is no path: `--output "$OUTPUT"` without the variable would mean the working folder."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            check_path(Path(value))
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
        if not str(value).strip():
            self.fail("expected a path, got a blank.", param, ctx)
        return super().convert(value, param, ctx)
