"""Writes a paper's table, with ours beside theirs, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bioclip_x.evaluation.papers.comparison import PaperCell, PaperComparison
from bioclip_x.io.storage.streams import escape_surrogates
from bioclip_x.messages import escape_controls, list_some

FORMAT: Final = "bioclip-x/paper/1"
COLUMNS: Final = (
    "data", "model", "method", "measure", "published", "ours", "low", "high", "of", "difference", "missing", "differs",
)  # fmt: skip
WIDTH: Final = 100


def write(comparison: PaperComparison, format_: str, stream: Any) -> None:
    """Writes a comparison as "table", "json" or "csv"."""
    {"table": _write_table, "json": _write_json, "csv": _write_csv}[format_](comparison, stream)


def _write_json(comparison: PaperComparison, stream: Any) -> None:
    document = {"format": FORMAT, **asdict(comparison)}
    for cell, one in zip(document["cells"], comparison.cells):
        cell["difference"] = one.difference
    stream.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _write_csv(comparison: PaperComparison, stream: Any) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell in comparison.cells:
        ours = cell.ours
        values = (ours.value, ours.low, ours.high, ours.of) if ours else (None,) * 4
        names = (cell.data, cell.model, cell.method, cell.measure)
        texts = (escape_surrogates(cell.missing), cell.differs)
        writer.writerow((*names, cell.published, *values, cell.difference, *texts))


def _write_table(comparison: PaperComparison, stream: Any) -> None:
    console = Console(file=stream, width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(Text(f"{comparison.title}. {comparison.paper}", "bold"), soft_wrap=True)
        console.print(Text(f"published: {comparison.source}"), soft_wrap=True)
        if comparison.run:
            console.print()
            console.print(_make_table(comparison.run))
        for line in _iterate_remarks(comparison):
            console.print()
            console.print(Text(escape_controls(line)))
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _make_table(cells: tuple[PaperCell, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("data", "model", "method", "", "published", "ours", "difference"):
        table.add_column(name, justify="right" if name in ("published", "difference") else "left", overflow="fold")
    for cell in cells:
        published = "–" if cell.published is None else f"{cell.published:g}"
        difference = "–" if cell.difference is None else f"{cell.difference:+.1f}"
        names = map(escape_controls, (cell.data, cell.model, cell.method + ("*" if cell.differs else "")))
        table.add_row(*names, cell.measure, published, _format_ours(cell), difference)
    return table


def _format_ours(cell: PaperCell) -> str:
    """Formats ours in percent: "52.1 [50.8, 53.4]"."""
    if cell.ours is None or cell.ours.value is None:
        return "–"
    text = f"{100 * cell.ours.value:.1f}"
    if cell.ours.low is None or cell.ours.high is None:
        return text
    return f"{text} [{100 * cell.ours.low:.1f}, {100 * cell.ours.high:.1f}]"


def _iterate_remarks(comparison: PaperComparison) -> Iterator[str]:
    """Yields what is not yet run, by reason; how the procedure differs; notes; and published values that were not found."""
    by_reason: dict[str, list[PaperCell]] = {}
    for cell in comparison.not_run:
        by_reason.setdefault(cell.missing, []).append(cell)
    if by_reason:
        yield f"not yet run: {len(comparison.not_run)} of {len(comparison.cells)} values"
    for reason, cells in by_reason.items():
        names = dict.fromkeys(f"{cell.data} / {cell.model} / {cell.method}" for cell in cells)
        yield f"  {list_some(list(names), 4)}: {reason}"
    for text in dict.fromkeys(cell.differs for cell in comparison.run if cell.differs):
        methods = dict.fromkeys(cell.method for cell in comparison.run if cell.differs == text)
        yield f"* {', '.join(methods)}: {text}"
    yield from (f"note: {note}" for note in (*comparison.notes, *comparison.run_notes))
    yield from (f"published, but not found at a source: {text}" for text in comparison.not_found)
