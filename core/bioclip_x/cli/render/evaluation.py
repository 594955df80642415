"""Writes an evaluation as a table, JSON or CSV."""

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
"""Most texts in one table; further ones are in separate tables."""
WIDTH: Final = 100


def write(evaluation: Evaluation, format_: str, stream: Any) -> None:
    """Writes an evaluation as "table", "json" or "csv"."""
    {"table": _write_table, "json": _write_json, "csv": _write_csv}[format_](evaluation, stream)


def print_notes(evaluation: Evaluation, notes: Sequence[str]) -> None:
    """Prints notes on stderr: on the run, and on texts, preceded by their names unless all have the same."""
    lines = [*notes, *evaluation.notes]
    if evaluation.demo:
        lines.append(f"{evaluation.model}: {evaluation.demo}")
    texts_of_note: dict[str, list[str]] = {}
    for text in evaluation.texts:
        for note in text.notes:
            texts_of_note.setdefault(note, []).append(text.text)
    for note, texts in texts_of_note.items():
        lines.append(note if len(texts) == len(evaluation.texts) else f"{'; '.join(texts)}: {note}")
    for line in lines:
        click.echo(f"note: {escape_controls(line)}", err=True)


def _write_json(evaluation: Evaluation, stream: Any) -> None:
    stream.write(json.dumps({"format": FORMAT, **asdict(evaluation)}, indent=2, ensure_ascii=False) + "\n")


def _write_csv(evaluation: Evaluation, stream: Any) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in evaluation.texts:
        for name, measure in one.measures().items():
            row = (measure.value, measure.low, measure.high, measure.of, measure.sd)
            writer.writerow((escape_surrogates(one.text), name, *row, " ".join(map(str, one.seeds))))


def _write_table(evaluation: Evaluation, stream: Any) -> None:
    console = Console(file=stream, width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for line in _iterate_head(evaluation):
            console.print(line, soft_wrap=True)
        for start in range(0, len(evaluation.texts), SIDE_BY_SIDE):
            console.print()
            console.print(_make_table(evaluation.texts[start : start + SIDE_BY_SIDE]))
        console.print()
        for remark in _iterate_foot(evaluation):
            console.print(Text(remark, "dim"))
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _iterate_head(evaluation: Evaluation) -> Iterator[Text]:
    source, taxonomy = escape_controls(evaluation.source), escape_controls(evaluation.taxonomy)
    images, classes = pluralise(evaluation.pictures, "image"), pluralise(evaluation.classes, "class", "classes")
    yield Text(f"{source}: {images} of {classes}, among the {evaluation.n_classes:,} of {taxonomy}", "bold")
    yield Text(
        f"{evaluation.model}, revision {evaluation.revision}"
        + (f" (demonstration: {evaluation.demo})" if evaluation.demo else "")
    )


def _make_table(texts: Sequence[TextEvaluation]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    counts = _count_images(texts[0])
    if counts:
        table.add_column("images", justify="right")
    for one in texts:
        seeds = f"\n{len(one.seeds)} seeds, mean ± sd" if len(one.seeds) > 1 else ""
        table.add_column(escape_controls(one.text) + seeds, justify="left", overflow="fold")
    rows = {name: "" for one in texts for name in one.measures()}
    for name in rows:
        of = [one.measures().get(name) for one in texts]
        cells = [_format_measure(name, measure) if measure else "" for measure in of]
        count = [f"{counts[name]:,}" if name in counts else ""] if counts else []
        table.add_row(name, *count, *cells)
    return table


def _count_images(text: TextEvaluation) -> dict[str, int]:
    """Returns how many images each accuracy is of: fewer at a rank that some labels lack. Empty where all are of all images."""
    counts = {"top-1": text.top1.of, "top-5": text.top5.of, **{rank: one.of for rank, one in text.ranks.items()}}
    return counts if len(set(counts.values())) > 1 else {}


def _format_measure(name: str, measure: Measure) -> str:
    """Formats a measure as "98.4% [97.1, 99.2]"; heights and differences have no percent sign."""
    if measure.value is None or measure.low is None or measure.high is None:
        return "no mistake" if name == "mistake severity" else "–"
    scale, digits = (1, 2) if name in ("mistake severity", "classes per set") else (100, 1)
    sign = "+" if name.startswith("difference") else ""
    unit = "" if scale == 1 else "" if sign else "%"

    def format_number(number: float) -> str:
        return f"{number * scale:{sign}.{digits}f}"

    spread = f" ± {measure.sd * scale:.{digits}f}" if measure.sd is not None else ""
    low, high = format_number(measure.low), format_number(measure.high)
    return f"{format_number(measure.value)}{unit}{spread} [{low}, {high}]"


def _iterate_foot(evaluation: Evaluation) -> Iterator[str]:
    yield "in brackets: 95% intervals, over images; of the mean per class over classes"
    if _count_images(evaluation.texts[0]):
        yield "images: those whose label has a taxon at the rank, or is a class"
    yield "mistake severity: mean height of the lowest common ancestor of the wrong prediction and the true class"
    if any(one.sets for one in evaluation.texts):
        yield "coverage of sets: how many contain the true class; of images that the calibration has not seen"
    if len(evaluation.texts) > 1:
        yield f"difference in top-1: in points, from {escape_controls(evaluation.texts[0].text)}, image by image"
