"""Published values beside ours: the result of repeating a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bioclip_x.records import Measure


@dataclass(frozen=True, slots=True)
class PaperCell:
    """One cell of a table. data: a data set of the table, or "mean". measure: "top-1" or "top-5".

    published: percent; None for a value that is not known. ours: fractions; None if not run. missing: what is missing for
    that, "" if nothing. differs: how our procedure differs from the paper's.
    """

    method: str
    model: str
    data: str
    measure: str
    published: float | None = None
    ours: Measure | None = None
    missing: str = ""
    differs: str = ""

    @property
    def difference(self) -> float | None:
        """Ours minus theirs, in percentage points."""
        if self.published is None or self.ours is None or self.ours.value is None:
            return None
        return 100 * self.ours.value - self.published


@dataclass(frozen=True, slots=True)
class PaperComparison:
    """The cells of a table. name: of the table. date: ISO 8601. version: of bioclip-x. notes, not_found: the table's own.

    run_notes: what the evaluations said of images and texts.
    """

    name: str
    title: str
    paper: str
    source: str
    date: str
    version: str
    cells: tuple[PaperCell, ...]
    notes: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    run_notes: tuple[str, ...] = ()

    @property
    def run(self) -> tuple[PaperCell, ...]:
        return tuple(cell for cell in self.cells if cell.ours)

    @property
    def not_run(self) -> tuple[PaperCell, ...]:
        return tuple(cell for cell in self.cells if not cell.ours)


def average(cells: Sequence[PaperCell]) -> Measure | None:
    """Returns the mean over data sets, each counted once however many images it has; None unless all were run."""
    values = [cell.ours.value for cell in cells if cell.ours and cell.ours.value is not None]
    if not cells or len(values) < len(cells):
        return None
    return Measure(sum(values) / len(values), None, None, len(values))
