"""Prints a calibration as tables on stderr, because stdout has the name of its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bioclip_x.messages import escape_controls
from bioclip_x.records import Calibration
from bioclip_x.records.calibration import ACCEPTS, Reliability

SHOWN: Final = (0.95, 0.9, 0.8)
"""The fractions of listed images for which the table has the false acceptances; the file has those of all `ACCEPTS`."""


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
    area = Text(
        f"area under the risk-coverage curve: {_format_number(calibration.aurc, calibration.aurc_interval, 4)}; in brackets: 95% "
        "intervals, over images, [–] for too few; calibration errors have none, as binning biases them upwards",
        "dim",
    )
    yield [Text("if only images of high probability are named"), _make_coverage_table(calibration), area]
    yield [_format_refusal(calibration), *_iterate_refusal_tables(calibration)]
    if calibration.hedges:
        yield [Text("--depth auto"), _make_depth_table(calibration)]
    if calibration.sets:
        of = f"thresholds from the {calibration.held_out:,} images, measured on the {calibration.fitted:,}"
        title = f"--head conformal; {of}"
        law = "in brackets: 95% interval; to expect: coverage of other images, in 95% of calibrations on as many"
        yield [Text(title), _make_set_table(calibration), Text(law, "dim")]


def _format_share(share: float, interval: tuple[float, float] | None) -> str:
    """Formats "98.4% [97.1, 99.2]", "98.4% [–]" without an interval."""
    return (
        f"{share:.1%} [{interval[0]:.1%}, {interval[1]:.1%}]".replace("%,", ",").replace("%]", "]")
        if interval
        else f"{share:.1%} [–]"
    )


def _format_percent(share: float, interval: tuple[float, float] | None) -> str:
    """Formats "12 [10, 15]", in percent."""
    return f"{100 * share:.0f} " + (f"[{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else "[–]")


def _format_number(value: float, interval: tuple[float, float] | None, digits: int) -> str:
    """Formats "0.4512 [0.4310, 0.4714]", "0.4512 [–]" without an interval."""
    return f"{value:.{digits}f} " + (f"[{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else "[–]")


def _format_likelihood(reliability: Reliability) -> str:
    return "-" if reliability.nll is None else _format_number(reliability.nll, reliability.nll_interval, 4)


def _make_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _make_probability_table(calibration: Calibration) -> Table:
    table = _make_table("probabilities", "before", "after")
    temperature = "1 (none calibration)" if calibration.temperature is None else f"{calibration.temperature:.4g}"
    table.add_row("temperature", "1", temperature)
    table.add_row("accuracy", *[_format_share(calibration.accuracy, calibration.accuracy_interval)] * 2)
    table.add_row("negative log-likelihood", *map(_format_likelihood, (calibration.before, calibration.after)))
    table.add_row("expected calibration error", f"{calibration.before.ece:.2%}", f"{calibration.after.ece:.2%}")
    table.add_row(
        "… bins of equal count", f"{calibration.before.adaptive_ece:.2%}", f"{calibration.after.adaptive_ece:.2%}"
    )
    return table


def _make_coverage_table(calibration: Calibration) -> Table:
    table = _make_table("coverage", "accuracy", "probability at least")
    for row in calibration.coverages:
        table.add_row(f"{row.coverage:.0%}", _format_share(row.accuracy, row.interval), f"{row.share:.1%}")
    return table


def _format_refusal(calibration: Calibration) -> Text:
    refusal = calibration.refusal
    accepted = _format_share(refusal.accepted, refusal.accepted_interval)
    text = (
        f"none of these where the {refusal.method} is below {refusal.threshold:.4f}: {accepted} of listed images are accepted "
        f"(target: {refusal.accept:.0%})"
    )
    if refusal.refused is None or refusal.auroc is None:
        return Text(f"{text}; there were no unlisted images, so the fraction of them that is refused is unknown")
    refused = _format_share(refusal.refused, refusal.refused_interval)
    area = _format_number(refusal.auroc, refusal.auroc_interval, 3)
    return Text(f"{text}, {refused} of {refusal.off_list:,} unlisted images are refused; AUROC {area}")


def _iterate_refusal_tables(calibration: Calibration) -> Iterable[Text | Table]:
    """Yields the figures of all scores, if there were off-list images."""
    refusal = calibration.refusal
    if not refusal.compared:
        return
    table = _make_table("score", "AUROC", *(f"{accept:.0%}" for accept in SHOWN))
    for one in refusal.compared:
        name = f"{one.method} *" if one.method == refusal.method else one.method
        rows = zip_longest(ACCEPTS, one.false_accepts, one.false_accept_intervals)
        shares = [_format_percent(share, interval) for accept, share, interval in rows if accept in SHOWN]
        table.add_row(name, _format_number(one.auroc, one.auroc_interval, 3), *shares)
    yield table
    if refusal.ranks:
        yield _make_rank_table(calibration)
    chosen = f"chosen on {refusal.chosen_on:,} other off-list images" if refusal.chosen_on else "as asked"
    yield Text(f"in percent: unlisted images accepted where this many listed ones are; * {chosen}", "dim")


def _make_rank_table(calibration: Calibration) -> Table:
    table = _make_table("unlisted, but listed is its", "images", "AUROC", "refused")
    for one in calibration.refusal.ranks:
        auroc = _format_number(one.auroc, one.auroc_interval, 3)
        table.add_row(one.rank, f"{one.images:,}", auroc, _format_share(one.refused, one.refused_interval))
    return table


def _make_depth_table(calibration: Calibration) -> Table:
    table = _make_table("target accuracy", "reached", "information", "λ")
    for row in calibration.hedges:
        if row.lambda_ is None:
            table.add_row(f"{row.accuracy:g}", "not possible")
        else:
            reached = _format_share(row.reached, row.interval)
            information = _format_number(row.information, row.information_interval, 2)
            table.add_row(f"{row.accuracy:g}", reached, information, f"{row.lambda_:.3g}")
    return table


def _make_set_table(calibration: Calibration) -> Table:
    table = _make_table("sets", "target", "covered", "to expect", "classes", "one class (%)")
    for row in calibration.sets:
        if row.threshold is None or row.law is None or row.covered_low is None or row.covered_high is None:
            table.add_row(row.score, f"{row.coverage:g}", "too few images", *[""] * 3)
            continue
        table.add_row(
            row.score,
            f"{row.coverage:g}",
            f"{row.covered:.1%} [{row.covered_low:.1%}, {row.covered_high:.1%}]",
            f"{row.law[0]:.1%} to {row.law[1]:.1%}",
            f"{row.classes:.1f}",
            "" if row.single is None else _format_percent(row.single, row.single_interval),
        )
    return table
