"""Writes a probe of word order as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bioclip_x.messages import escape_controls, pluralise
from bioclip_x.records import Measure, WordOrderProbe

FORMAT: Final = "bioclip-x/word-order/1"
COLUMNS: Final = ("alteration", "measure", "value", "low", "high", "chance", "classes", "images", "sd", "draws")
WIDTH: Final = 100


def write(probe: WordOrderProbe, format_: str, stream: Any) -> None:
    """Writes a probe as "table", "json" or "csv"."""
    {"table": _write_table, "json": _write_json, "csv": _write_csv}[format_](probe, stream)


def print_notes(probe: WordOrderProbe, notes: Sequence[str]) -> None:
    """Prints notes on stderr."""
    demo = [f"{probe.model}: {probe.demo}"] if probe.demo else []
    for line in (*notes, *probe.notes, *demo):
        click.echo(f"note: {escape_controls(line)}", err=True)


def _write_json(probe: WordOrderProbe, stream: Any) -> None:
    stream.write(json.dumps({"format": FORMAT, **asdict(probe)}, indent=2, ensure_ascii=False) + "\n")


def _write_csv(probe: WordOrderProbe, stream: Any) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in probe.alterations:
        for name, measure in one.measures.items():
            row = (measure.value, measure.low, measure.high, one.chance[name], measure.of, one.images, measure.sd)
            writer.writerow((one.name, name, *row, probe.draws))


def _write_table(probe: WordOrderProbe, stream: Any) -> None:
    console = Console(file=stream, width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(
            Text(f"{escape_controls(probe.source)}: does the score notice altered texts?", "bold"), soft_wrap=True
        )
        demo = f" (demonstration: {probe.demo})" if probe.demo else ""
        console.print(Text(f"{probe.model}, revision {probe.revision}{demo}"), soft_wrap=True)
        for one in probe.alterations:
            of = next(iter(one.measures.values())).of
            counts = f"{pluralise(one.images, 'image')} of {pluralise(of, 'class', 'classes')}"
            console.print()
            console.print(Text(f"{one.name}: {counts}, {pluralise(probe.draws, 'draw')}", "bold"))
            table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
            for heading in ("", "", "chance"):
                table.add_column(heading)
            for name, measure in one.measures.items():
                table.add_row(name, _format_measure(measure), f"{100 * one.chance[name]:.1f}%")
            console.print(table)
            right, altered = one.examples[0]
            console.print(
                Text(f"such as: {escape_controls(right)} / {escape_controls(altered)}", "dim"), soft_wrap=True
            )
        console.print()
        console.print(
            Text("means over classes and draws ± standard deviation over draws; in brackets: 95% intervals", "dim")
        )
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _format_measure(measure: Measure) -> str:
    value = "–" if measure.value is None else f"{100 * measure.value:.1f}%"
    spread = "" if measure.sd is None else f" ± {100 * measure.sd:.1f}"
    has_bounds = measure.low is not None and measure.high is not None
    bounds = f" [{100 * measure.low:.1f}, {100 * measure.high:.1f}]" if has_bounds else ""  # type: ignore[operator]
    return f"{value}{spread}{bounds}"
