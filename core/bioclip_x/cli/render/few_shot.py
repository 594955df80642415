"""Writes a few-shot evaluation as a table, JSON or CSV."""

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

from bioclip_x.io.storage.streams import escape_surrogates
from bioclip_x.messages import escape_controls, pluralise
from bioclip_x.records import FewShotEvaluation, FewShotResult, Measure

FORMAT: Final = "bioclip-x/few-shot/1"
COLUMNS: Final = ("method", "shots", "measure", "value", "low", "high", "of", "sd", "folds")
SIDE_BY_SIDE: Final = 2
"""Most results in one table; further ones are in separate tables."""
WIDTH: Final = 100


def write(evaluation: FewShotEvaluation, format_: str, stream: Any) -> None:
    """Writes an evaluation as "table", "json" or "csv"."""
    {"table": _write_table, "json": _write_json, "csv": _write_csv}[format_](evaluation, stream)


def print_notes(evaluation: FewShotEvaluation, notes: Sequence[str]) -> None:
    """Prints notes on stderr."""
    demo = [f"{evaluation.model}: {evaluation.demo}"] if evaluation.demo else []
    for line in (*notes, *evaluation.notes, *demo):
        click.echo(f"note: {escape_controls(line)}", err=True)


def _write_json(evaluation: FewShotEvaluation, stream: Any) -> None:
    stream.write(json.dumps({"format": FORMAT, **asdict(evaluation)}, indent=2, ensure_ascii=False) + "\n")


def _write_csv(evaluation: FewShotEvaluation, stream: Any) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in evaluation.results:
        for name, measure in one.measures().items():
            row = (measure.value, measure.low, measure.high, measure.of, measure.sd)
            writer.writerow((escape_surrogates(one.method), one.shots, name, *row, len(one.of_folds)))


def _write_table(evaluation: FewShotEvaluation, stream: Any) -> None:
    console = Console(file=stream, width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for line in _iterate_head(evaluation):
            console.print(line, soft_wrap=True)
        for shots in dict.fromkeys(one.shots for one in evaluation.results):
            results = [one for one in evaluation.results if one.shots == shots]
            console.print()
            console.print(Text(_describe_folds(results[0]), "bold"))
            for start in range(0, len(results), SIDE_BY_SIDE):
                console.print(_make_table(results[start : start + SIDE_BY_SIDE]))
        console.print()
        for remark in _iterate_foot(evaluation):
            console.print(Text(remark, "dim"))
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _iterate_head(evaluation: FewShotEvaluation) -> Iterator[Text]:
    images, classes = pluralise(evaluation.images, "image"), pluralise(evaluation.classes, "class", "classes")
    yield Text(f"{escape_controls(evaluation.source)}: {images} of {classes}", "bold")
    yield Text(
        f"{evaluation.model}, revision {evaluation.revision}"
        + (f" (demonstration: {evaluation.demo})" if evaluation.demo else "")
    )


def _describe_folds(result: FewShotResult) -> str:
    """Returns "5-shot, 5 folds: 2,000 images of 400 classes in each"."""
    folds = pluralise(len(result.of_folds), "fold")
    queries, classes = ({*result.queries}, {*result.classes})
    of = f"{max(queries):,} images" if len(queries) == 1 else f"{min(queries):,} to {max(queries):,} images"
    among = f"{max(classes):,}" if len(classes) == 1 else f"{min(classes):,} to {max(classes):,}"
    return f"{result.shots}-shot, {folds}: {of} of {among} classes in each"


def _make_table(results: Sequence[FewShotResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for one in results:
        table.add_column(escape_controls(one.method), overflow="fold")
    for name in dict.fromkeys(name for one in results for name in one.measures()):
        of = [one.measures().get(name) for one in results]
        table.add_row(
            name, *(_format_measure(measure, name.startswith("difference")) if measure else "" for measure in of)
        )
    return table


def _format_measure(measure: Measure, is_difference: bool) -> str:
    """Formats a measure in percent, a difference in points, as "98.4% ± 1.2 [97.1, 99.2]"."""
    if measure.value is None:
        return "–"
    sign, unit = ("+", "") if is_difference else ("", "%")
    spread = f" ± {100 * measure.sd:.1f}" if measure.sd is not None else ""
    bounds = ""
    if measure.low is not None and measure.high is not None:
        bounds = f" [{100 * measure.low:{sign}.1f}, {100 * measure.high:{sign}.1f}]"
    return f"{100 * measure.value:{sign}.1f}{unit}{spread}{bounds}"


def _iterate_foot(evaluation: FewShotEvaluation) -> Iterator[str]:
    if any(len(one.of_folds) > 1 for one in evaluation.results):
        yield "mean over folds ± standard deviation; in brackets: 95% intervals, for other images and folds of the same kind"
    else:
        yield "in brackets: 95% intervals, over images, for this fold; another fold has other support images"
    yield "at a rank: the taxon of the best class; mean per taxon: mean of the taxa's accuracies at that rank"
    if any(one.difference for one in evaluation.results):
        first = escape_controls(evaluation.results[0].method)
        yield f"difference in top-1: in points, from {first}, on the same images and folds"
