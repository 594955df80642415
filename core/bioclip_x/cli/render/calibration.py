"""Prints a calibration as tables on stderr, because stdout has the name of its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bioclip_x.messages import escape_controls
from bioclip_x.records import Calibration


def print_calibration(calibration: Calibration, *, demo: str = "") -> None:
    """Prints all figures and notes. demo: a warning for demonstration models."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    console.print(Group(*(part for block in _iterate_blocks(calibration) for part in (*block, ""))))
    for note in (*([f"{calibration.conditions.model}: {demo}"] if demo else []), *calibration.notes):
        click.echo(f"note: {escape_controls(note)}", err=True)


def _iterate_blocks(calibration: Calibration) -> Iterable[Sequence[Table | Text]]:
    summary = (
        f"{escape_controls(calibration.source)}: fitted on {calibration.fitted:,} images; all figures are of the "
        f"{calibration.held_out:,} others (seed {calibration.seed})"
    )
    yield [Text(summary, "bold")]
    yield [_make_probability_table(calibration)]
    area = Text(f"area under the risk-coverage curve: {calibration.aurc:.4f}", "dim")
    yield [Text("if only images of high probability are named"), _make_coverage_table(calibration), area]
    yield [_format_refusal(calibration)]
    if calibration.hedges:
        yield [Text("--depth auto"), _make_depth_table(calibration)]


def _make_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _make_probability_table(calibration: Calibration) -> Table:
    table = _make_table("probabilities", "before", "after")
    temperature = "1 (none calibration)" if calibration.temperature is None else f"{calibration.temperature:.4g}"
    table.add_row("temperature", "1", temperature)
    table.add_row("accuracy", *[f"{calibration.accuracy:.1%}"] * 2)
    likelihoods = (calibration.before.nll, calibration.after.nll)
    table.add_row("negative log-likelihood", *("-" if nll is None else f"{nll:.4f}" for nll in likelihoods))
    table.add_row("expected calibration error", f"{calibration.before.ece:.2%}", f"{calibration.after.ece:.2%}")
    table.add_row(
        "… bins of equal count", f"{calibration.before.adaptive_ece:.2%}", f"{calibration.after.adaptive_ece:.2%}"
    )
    return table


def _make_coverage_table(calibration: Calibration) -> Table:
    table = _make_table("coverage", "accuracy", "probability at least")
    for row in calibration.coverages:
        table.add_row(f"{row.coverage:.0%}", f"{row.accuracy:.1%}", f"{row.share:.1%}")
    return table


def _format_refusal(calibration: Calibration) -> Text:
    refusal = calibration.refusal
    text = (
        f"none of these below a score of {refusal.threshold:.4f}: {refusal.accepted:.1%} of listed images are accepted "
        f"(target: {refusal.accept:.0%})"
    )
    if refusal.refused is None or refusal.auroc is None:
        return Text(f"{text}; there were no unlisted images, so the fraction of them that is refused is unknown")
    return Text(
        f"{text}, {refusal.refused:.1%} of {refusal.off_list:,} unlisted images are refused; AUROC {refusal.auroc:.3f}"
    )


def _make_depth_table(calibration: Calibration) -> Table:
    table = _make_table("target accuracy", "reached", "information", "λ")
    for row in calibration.hedges:
        if row.lambda_ is None:
            table.add_row(f"{row.accuracy:g}", "not possible")
        else:
            table.add_row(f"{row.accuracy:g}", f"{row.reached:.1%}", f"{row.information:.2f}", f"{row.lambda_:.3g}")
    return table
