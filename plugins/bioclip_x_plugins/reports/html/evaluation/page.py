"""The page of an evaluation: drawings of its figures, with the same numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from bioclip_x.plugin import CurvePoint, EvaluationFigures, Measure, RunFigures
from bioclip_x_plugins.reports.html.evaluation.matrix import LEVELS, Matrix, choose_fold, draw_matrix
from bioclip_x_plugins.reports.html.evaluation.plot import Plot, draw_plot
from bioclip_x_plugins.reports.html.evaluation.scatter import Scatter, draw_scatters
from bioclip_x_plugins.reports.html.images import make_data_uri
from bioclip_x_plugins.reports.html.templating import hash_script, make_environment, read_template
from bioclip_x_plugins.reports.result_text import format_percent

STYLES: Final = ("page.css", "evaluation/figures.css", "print.css", "evaluation/print.css")
FRACTIONS: Final = tuple((i / 4, f"{i / 4:.0%}") for i in range(5))
DEPTH: Final = "mean number of taxa from the top to the one named"
APART: Final = 7.0
AMOUNTS: Final = ("mistake severity", "classes per set", "distance")
"""How the names of measures begin that are heights in taxa, or numbers of classes, not fractions."""
OPEN: Final = 2
"""Runs whose confusion matrices are unfolded at first."""


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of every run, in words."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunMatrices:
    """shown: the number of the matrix that is shown at first."""

    name: str
    matrices: tuple[Matrix, ...]
    shown: int


@dataclass(frozen=True, slots=True)
class ModelScatters:
    model: str
    method: str
    n: int
    of: int
    scatters: tuple[Scatter, ...]


def render_evaluation(figures: EvaluationFigures, title: str) -> str:
    """The whole page. It loads nothing from anywhere."""
    script = read_template("evaluation/figures.js")
    return make_environment().get_template("evaluation/page.html").render(
        title=title,
        figures=figures,
        rows=make_rows(figures.runs),
        plots=tuple(draw_plots(figures.runs)),
        calibrations=make_rows(figures.runs, calibration=True),
        matrices=tuple(_draw_matrices(run) for run in figures.runs),
        scatters=tuple(ModelScatters(one.model, one.method, len(one.sources), one.of, draw_scatters(one))
                       for one in figures.maps),
        n_open=OPEN,
        levels=LEVELS,
        n_tabs=max((len(run.confusions) for run in figures.runs), default=0),
        style=Markup("".join(map(read_template, STYLES))),
        script=Markup(script),
        script_hash=Markup(hash_script(script)),
        percent=format_percent,
        data_uri=make_data_uri,
    )  # fmt: skip


def make_rows(runs: Sequence[RunFigures], *, calibration: bool = False) -> tuple[Row, ...]:
    """The table of measures; with `calibration` that of the figures of calibration."""
    columns = [run.calibration if calibration else run.measures for run in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    return tuple(Row(name, tuple(format_measure(name, column.get(name)) for column in columns)) for name in names)


def format_measure(name: str, measure: Measure | None) -> str:
    """A measure with its interval: heights and numbers of classes as they are, differences with a sign and in points.

    >>> format_measure("mistake severity", Measure(1.5, 1.0, 2.0, 9))
    '1.50 [1.00, 2.00]'
    >>> format_measure("difference in top-1", Measure(-0.02, -0.05, 0.0, 9))
    '−2.0 [−5.0, +0.0]'
    """
    if measure is None or measure.value is None:
        return "" if measure is None else "–"
    is_amount, is_difference = name.startswith(AMOUNTS), name.startswith("difference")
    scale, how = (1, ".2f") if is_amount else (100, "+.1f" if is_difference else ".1f")
    value, *ends = (format(one * scale, how) for one in (measure.value, measure.low, measure.high) if one is not None)
    spread = f" ± {measure.sd * scale:{how.lstrip('+')}}" if measure.sd is not None else ""
    unit = "" if is_amount or is_difference else "%"
    interval = f" [{', '.join(ends)}]" if len(ends) == 2 else ""
    return f"{value}{unit}{spread}{interval}".replace("-", "−")


def draw_plots(runs: Sequence[RunFigures]) -> list[Plot]:
    """Accuracy at each rank, accuracy against depth, reliability: those of which there is anything."""
    plots = []
    ranks = runs[0].ranks
    if ranks:
        plots.append(
            draw_plot(
                "Accuracy at each rank", "rank", "accuracy", [(run.name, run.rank_accuracy) for run in runs],
                x_labels=list(enumerate(ranks)), x_range=(-0.3, len(ranks) - 0.7), apart=APART,
            )
        )  # fmt: skip
    if depths := [point.x for run in runs for point in run.depth]:
        plots.append(
            draw_plot(
                "Accuracy against depth", DEPTH, "fraction right", [(run.name, run.depth) for run in runs],
                x_labels=make_ticks(min(depths), max(depths)), x_range=(min(depths), max(depths)),
            )
        )  # fmt: skip
    reliability: list[tuple[str, Sequence[CurvePoint]]] = [(run.name, run.reliability) for run in runs]
    if any(points for _, points in reliability):
        plots.append(
            draw_plot(
                "Reliability", "mean share of the best class", "accuracy", reliability,
                x_labels=FRACTIONS, x_range=(0, 1), diagonal=True,
            )
        )  # fmt: skip
    return plots


def make_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Five ticks from low to high.

    >>> make_ticks(1.0, 3.0)
    [(1.0, '1.0'), (1.5, '1.5'), (2.0, '2.0'), (2.5, '2.5'), (3.0, '3.0')]
    """
    steps = [low + (high - low) * i / 4 for i in range(5)] if high > low else [low]
    digits = 1 if high - low >= 2 else 2
    return [(step, f"{step:.{digits}f}") for step in steps]


def _draw_matrices(run: RunFigures) -> RunMatrices:
    return RunMatrices(run.name, tuple(map(draw_matrix, run.confusions)), choose_fold(run.confusions))
