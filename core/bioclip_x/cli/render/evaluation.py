"""An evaluation for people (a table) and for programs (JSON, CSV)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bioclip_x.io.streams import escape_surrogates
from bioclip_x.messages import escape_controls, pluralise
from bioclip_x.records import Evaluation, Measure, TextEvaluation

FORMAT: Final = "bioclip-x/evaluation/1"
COLUMNS: Final = ("text", "measure", "value", "low", "high", "of", "sd", "seeds")
SIDE_BY_SIDE: Final = 3
"""Texts in a table; further ones have tables of their own."""
WIDTH: Final = 100


def write(found: Evaluation, format_: str, stream: Any) -> None:
    """Writes it as "table", "json" or "csv"."""
    {"table": _write_table, "json": _write_json, "csv": _write_csv}[format_](found, stream)


def print_notes(found: Evaluation, told: Sequence[str]) -> None:
    """Notes on stderr: of the run, and of each of the texts."""
    about = [(note, "") for note in (*told, *found.notes)]
    if found.demo:
        about.append((f"{found.model}: {found.demo}", ""))
    of: dict[str, list[str]] = {}
    for one in found.texts:
        for note in one.notes:
            of.setdefault(note, []).append(one.text)
    about += [(note, "" if len(texts) == len(found.texts) else f"{'; '.join(texts)}: ") for note, texts in of.items()]
    for note, whose in about:
        click.echo(f"note: {escape_controls(whose + note)}", err=True)


def _write_json(found: Evaluation, stream: Any) -> None:
    stream.write(json.dumps({"format": FORMAT, **asdict(found)}, indent=2, ensure_ascii=False) + "\n")


def _write_csv(found: Evaluation, stream: Any) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found.texts:
        for name, measure in one.measures().items():
            row = (measure.value, measure.low, measure.high, measure.of, measure.sd)
            writer.writerow((escape_surrogates(one.text), name, *row, " ".join(map(str, one.seeds))))


def _write_table(found: Evaluation, stream: Any) -> None:
    console = Console(file=stream, width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for line in _iterate_head(found):
            console.print(line, soft_wrap=True)
        for start in range(0, len(found.texts), SIDE_BY_SIDE):
            console.print()
            console.print(_make_table(found.texts[start : start + SIDE_BY_SIDE]))
        console.print()
        for remark in _iterate_foot(found):
            console.print(Text(remark, "dim"))
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _iterate_head(found: Evaluation) -> Iterator[Text]:
    of = f"{pluralise(found.pictures, 'image')} of {pluralise(found.classes, 'class', 'classes')}"
    yield Text(
        f"{escape_controls(found.source)}: {of}, among the {found.n_classes:,} of {escape_controls(found.taxonomy)}",
        "bold",
    )
    yield Text(f"{found.model}, revision {found.revision}" + (f" (demonstration: {found.demo})" if found.demo else ""))


def _make_table(texts: Sequence[TextEvaluation]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for one in texts:
        seeds = f"\n{len(one.seeds)} seeds, mean ± sd" if len(one.seeds) > 1 else ""
        table.add_column(escape_controls(one.text) + seeds, justify="left", overflow="fold")
    rows = {name: "" for one in texts for name in one.measures()}
    for name in rows:
        of = [one.measures().get(name) for one in texts]
        table.add_row(name, *(_format_measure(name, measure) if measure else "" for measure in of))
    return table


def _format_measure(name: str, measure: Measure) -> str:
    """ "98.4% [97.1, 99.2]", or for heights and points without the sign."""
    if measure.value is None or measure.low is None or measure.high is None:
        return "no mistake" if name == "mistake severity" else "–"
    scale, digits = (1, 2) if name == "mistake severity" else (100, 1)
    sign = "+" if name.startswith("difference") else ""
    unit = "" if scale == 1 else "" if sign else "%"

    def shown(number: float) -> str:
        return f"{number * scale:{sign}.{digits}f}"

    spread = f" ± {measure.sd * scale:.{digits}f}" if measure.sd is not None else ""
    return f"{shown(measure.value)}{unit}{spread} [{shown(measure.low)}, {shown(measure.high)}]"


def _iterate_foot(found: Evaluation) -> Iterator[str]:
    yield "in brackets: 95% intervals, over images; of the mean per class over classes"
    yield "mistake severity: how many taxa above the true class a wrong answer and it meet, on average"
    if len(found.texts) > 1:
        yield f"difference in top-1: in points, from {escape_controls(found.texts[0].text)}, image by image"
