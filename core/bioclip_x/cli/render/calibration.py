"""A calibration as people read it, on stderr: stdout has the file's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bioclip_x.messages import escape_controls
from bioclip_x.records import Calibration


def print_calibration(found: Calibration, *, demo: str = "") -> None:
    """Everything that it found, and what is doubtful about it."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    console.print(Group(*(part for block in _iterate_blocks(found) for part in (*block, ""))))
    for note in (*([f"{found.conditions.model}: {demo}"] if demo else []), *found.notes):
        click.echo(f"note: {escape_controls(note)}", err=True)


def _iterate_blocks(found: Calibration) -> Iterable[Sequence[Table | Text]]:
    about = (
        f"{escape_controls(found.source)}: fitted on {found.fitted:,} images; all figures are of the {found.held_out:,} others "
        f"(seed {found.seed})"
    )
    yield [Text(about, "bold")]
    yield [_make_probability_table(found)]
    area = Text(f"area under the risk-coverage curve: {found.aurc:.4f}", "dim")
    yield [Text("if only the surest are named"), _make_coverage_table(found), area]
    yield [_format_refusal(found)]
    if found.hedges:
        yield [Text("--depth auto"), _make_depth_table(found)]


def _make_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _make_probability_table(found: Calibration) -> Table:
    table = _make_table("shares", "before", "after")
    temperature = "1 (none found)" if found.temperature is None else f"{found.temperature:.4g}"
    table.add_row("temperature", "1", temperature)
    table.add_row("accuracy", *[f"{found.accuracy:.1%}"] * 2)
    table.add_row("negative log-likelihood", f"{found.before.nll:.4f}", f"{found.after.nll:.4f}")
    table.add_row("expected calibration error", f"{found.before.ece:.2%}", f"{found.after.ece:.2%}")
    table.add_row("… bins of equally many", f"{found.before.adaptive_ece:.2%}", f"{found.after.adaptive_ece:.2%}")
    return table


def _make_coverage_table(found: Calibration) -> Table:
    table = _make_table("coverage", "accuracy", "share at least")
    for one in found.coverages:
        table.add_row(f"{one.coverage:.0%}", f"{one.accuracy:.1%}", f"{one.share:.1%}")
    return table


def _format_refusal(found: Calibration) -> Text:
    of = found.refusal
    what = "similarity" if found.conditions.scorer == "text" else "score"
    kept = f"{of.accepted:.1%} of listed images stay (asked: {of.accept:.0%})"
    told = f"none of these below a {what} of {of.threshold:.4f}: {kept}"
    if of.refused is None or of.auroc is None:
        return Text(f"{told}; no image was off the list, so how many others it stops is not known")
    return Text(f"{told}, {of.refused:.1%} of {of.off_list:,} off the list are refused; AUROC {of.auroc:.3f}")


def _make_depth_table(found: Calibration) -> Table:
    table = _make_table("accuracy asked for", "reached", "information", "λ")
    for one in found.hedges:
        if one.lambda_ is None:
            table.add_row(f"{one.accuracy:g}", "not to be had")
        else:
            table.add_row(f"{one.accuracy:g}", f"{one.reached:.1%}", f"{one.information:.2f}", f"{one.lambda_:.3g}")
    return table
