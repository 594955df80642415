"""Writes an evaluation as a table, JSON or CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bioclip_x.evaluation.intervals import FEWEST
from bioclip_x.io.delimited import write_cells
from bioclip_x.io.storage.streams import escape_surrogates
from bioclip_x.messages import escape_controls, pluralise
from bioclip_x.records import Evaluation, Measure, TextEvaluation

FORMAT: Final = "bioclip-x/evaluation/1"
COLUMNS: Final = ("text", "measure", "value", "low", "high", "of", "sd", "seeds", "model")
SIDE_BY_SIDE: Final = 3
"""Most texts in one table; further ones are in separate tables."""
WIDTH: Final = 100
FURTHER: Final = (
    "mean per taxon: mean of the accuracies of the rank's taxa; its interval is over taxa",
    "hierarchical precision, recall, F: of the taxa of the predicted and the true lineage",
    "distance of the top k: mean height of the lowest common ancestor of the true class and each of the k best",
    "path consistency: how often the best taxa of all ranks, each chosen on its own, lie on one path",
    "ECE, MCE: mean and largest gap between share and accuracy, without intervals; AURC: mean risk over all coverages",
)


def write(evaluation: Evaluation, format_: str, stream: Any, metrics: str = "main", *, safe: bool = False) -> None:
    """Writes an evaluation as "table", "json" or "csv". metrics: of the table, "main" or "all". safe: see `write_cells`."""
    if format_ == "table":
        _write_table(evaluation, stream, metrics == "all")
    elif format_ == "csv":
        _write_csv(evaluation, stream, safe)
    else:
        _write_json(evaluation, stream)


def print_notes(evaluation: Evaluation, notes: Sequence[str]) -> None:
    """Prints notes on stderr: on the run, and on texts, preceded by their names unless all have the same."""
    lines = [*notes, *evaluation.notes]
    if evaluation.demo:
        lines.append(f"{evaluation.model}: {evaluation.demo}")
    texts_of_note: dict[str, list[str]] = {}
    for text in evaluation.texts:
        for note in text.notes:
            texts_of_note.setdefault(note, []).append(text.label)
    for note, texts in texts_of_note.items():
        lines.append(note if len(texts) == len(evaluation.texts) else f"{'; '.join(texts)}: {note}")
    for line in lines:
        click.echo(f"note: {escape_controls(line)}", err=True)


def _write_json(evaluation: Evaluation, stream: Any) -> None:
    stream.write(json.dumps({"format": FORMAT, **asdict(evaluation)}, indent=2, ensure_ascii=False) + "\n")


def _write_csv(evaluation: Evaluation, stream: Any, safe: bool) -> None:
    write_cells(stream, [COLUMNS])
    for one in evaluation.texts:
        for name, measure in (one.measures() | one.further_measures()).items():
            row = (measure.value, measure.low, measure.high, measure.of, measure.sd)
            cells = (escape_surrogates(one.text), name, *row, " ".join(map(str, one.seeds)), one.model)
            write_cells(stream, [cells], safe=safe)


def _write_table(evaluation: Evaluation, stream: Any, further: bool) -> None:
    console = Console(file=stream, width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for line in _iterate_head(evaluation):
            console.print(line, soft_wrap=True)
        for start in range(0, len(evaluation.texts), SIDE_BY_SIDE):
            console.print()
            several = evaluation.texts[start : start + SIDE_BY_SIDE]
            console.print(_make_table(several, [one.measures() for one in several], _count_images(several[0])))
            if further:
                console.print()
                console.print(_make_table(several, [one.further_measures() for one in several]))
        console.print()
        for remark in _iterate_foot(evaluation, further):
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


def _make_table(
    texts: Sequence[TextEvaluation], measures: Sequence[Mapping[str, Measure]], counts: Mapping[str, int] | None = None
) -> Table:
    """measures: of each text. counts: of images, in a column of their own; none if it would say nothing."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    if counts:
        table.add_column("images", justify="right")
    for one in texts:
        seeds = f"\n{len(one.seeds)} seeds, mean ± sd" if len(one.seeds) > 1 else ""
        table.add_column(escape_controls(one.label) + seeds, justify="left", overflow="fold")
    for name in {name: "" for one in measures for name in one}:
        cells = [_format_measure(name, one[name]) if name in one else "" for one in measures]
        count = [f"{counts[name]:,}" if name in counts else ""] if counts else []
        table.add_row(name, *count, *cells)
    if counts is not None and any(one.alone_right is not None for one in texts):
        alone = [
            "" if one.alone_right is None else f"{one.alone_right} against {one.first_alone_right}" for one in texts
        ]
        table.add_row("right where the other is wrong", *([""] if counts else []), *alone)
    return table


def _count_images(text: TextEvaluation) -> dict[str, int]:
    """Returns how many images each accuracy is of: fewer at a rank that some labels lack. Empty where all are of all images."""
    counts = {"top-1": text.top1.of, "top-5": text.top5.of, **{rank: one.of for rank, one in text.ranks.items()}}
    return counts if len(set(counts.values())) > 1 else {}


def _format_measure(name: str, measure: Measure) -> str:
    """Formats a measure as "98.4% [97.1, 99.2]", "98.4% [–]" without an interval; heights and differences have no "%"."""
    if measure.value is None:
        return "no mistake" if name == "mistake severity" else "–"
    is_length = name in ("mistake severity", "classes per set") or name.startswith("distance")
    scale, digits = (1, 2) if is_length else (100, 1)
    sign = "+" if name.startswith("difference") else ""
    unit = "" if scale == 1 else "" if sign else "%"

    def format_number(number: float) -> str:
        return f"{number * scale:{sign}.{digits}f}"

    spread = f" ± {measure.sd * scale:.{digits}f}" if measure.sd is not None else ""
    interval = "–"
    if measure.low is not None and measure.high is not None:
        interval = f"{format_number(measure.low)}, {format_number(measure.high)}"
    return f"{format_number(measure.value)}{unit}{spread} [{interval}]"


def _iterate_foot(evaluation: Evaluation, further: bool) -> Iterator[str]:
    seeded = any(one.seeds for one in evaluation.texts)
    also = ", and over seeds where texts are drawn" if seeded else ""
    yield f"in brackets: 95% intervals, over images; of the mean per class over classes{also}"
    if any(m.value is not None and m.low is None for one in evaluation.texts for m in one.measures().values()):
        yield _explain_missing(evaluation)
    if _count_images(evaluation.texts[0]):
        yield "images: those whose label has a taxon at the rank, or is a class"
    yield "mistake severity: mean height of the lowest common ancestor of the wrong prediction and the true class"
    if further:
        yield from FURTHER
    if any(one.sets for one in evaluation.texts):
        yield "coverage of sets: how many contain the true class; of images that the calibration has not seen"
    if len(evaluation.texts) > 1:
        yield f"difference in top-1: in points, from {escape_controls(evaluation.texts[0].label)}, image by image"
        yield "a difference whose interval contains 0 may be noise; of several, one in 20 may exclude 0 by chance"


def _explain_missing(evaluation: Evaluation) -> str:
    reasons = [f"fewer than {FEWEST} images, classes or mistakes say too little"]
    if any(len(one.seeds) == 1 for one in evaluation.texts):
        reasons.append("one seed says nothing about other draws (--seeds)")
    return f"[–]: no interval: {'; '.join(reasons)}"
