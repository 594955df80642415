"""Results and explanations as HTML for notebooks.

Colours are translucent, over the notebook's own background and text colour, so that they serve light and dark themes.
GPS positions and other metadata are not shown.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bioclip_x.records.explanation import Explanation, PromptContribution
    from bioclip_x.records.result import Prediction, Result

SHOWN: Final = 20
"""Results of a list that are shown; a notebook keeps its output in its file."""
STRONGEST: Final = 5
"""Texts of each class that are shown."""
FOR: Final = "rgba(46,139,87,.55)"
AGAINST: Final = "rgba(205,92,60,.55)"
_CELL: Final = "text-align:left;padding:1px 8px 1px 0;border:0"


def show_results(results: Sequence[Result]) -> str:
    """Shows the first `SHOWN` results, and how many more there are."""
    more = len(results) - SHOWN
    rest = f"<p>… and {more:,} more</p>" if more > 0 else ""
    return "".join(map(show_result, results[:SHOWN])) + rest


def show_result(result: Result) -> str:
    """Shows an image's thumbnail, path down the tree with bars, next best predictions, notes and explanation."""
    image = ""
    if result.thumbnail:
        data = base64.b64encode(result.thumbnail).decode("ascii")
        image = (
            f'<img alt="{escape(result.source)}" src="data:image/jpeg;base64,{data}" '
            'style="max-width:192px;max-height:192px;margin:0 16px 0 0">'
        )
    if result.predictions:
        best, *others = result.predictions
        body = f"<b>{escape(best.taxon.name)}</b>{_show_path(best)}"
        if others:
            body += f"<div>then {escape('; '.join(one.describe() for one in others))}</div>"
    else:
        body = f"<b>{escape(result.describe())}</b>"
    notes = "".join(f"<div><i>{escape(note)}</i></div>" for note in result.notes)
    why = (
        f"<details><summary>why</summary>{show_explanation(result.explanation)}</details>" if result.explanation else ""
    )
    return (
        '<div style="display:flex;align-items:flex-start;margin:8px 0">'
        f'{image}<div><div style="opacity:.7">{escape(result.source)}</div>{body}{notes}{why}</div></div>'
    )


def show_explanation(explanation: Explanation) -> str:
    """Shows the margin, the strongest texts of both classes, and the parts of the margin that belong to no text."""
    over = f" rather than <b>{escape(explanation.runner_up)}</b>" if explanation.runner_up else ""
    head = f"<div><b>{escape(explanation.winner)}</b>{over}: margin {explanation.margin:.3g}</div>"
    sides = [list(side) for _, side in groupby(explanation.contributions, lambda one: one.class_index)]
    shown = [one for side in sides for one in side[:STRONGEST]]
    largest = max((abs(one.contribution) for one in shown if math.isfinite(one.contribution)), default=0.0)
    names = (explanation.winner_class, explanation.runner_up_class)
    rows = [
        _show_bar(f"{name}: {_get_words(one)}", one.contribution, largest, f"{one.contribution:+.3f}")
        for name, side in zip(names, sides)
        for one in side[:STRONGEST]
    ]
    rows += [
        _show_bar(one.label, one.contribution, largest, f"{one.contribution:+.3f}") for one in explanation.remainders
    ]
    left_out = len(explanation.contributions) - len(shown)
    more = f"<div>… and {left_out:,} more texts</div>" if left_out else ""
    return f"<div>{head}{_make_table(rows)}{more}</div>"


def _show_path(prediction: Prediction) -> str:
    rows = [
        _show_bar(f"{step.rank} {step.name}".strip(), step.probability, 1.0, f"{step.probability:.3f}")
        for step in prediction.path
    ]
    return _make_table(rows)


def _show_bar(words: str, value: float, largest: float, number: str) -> str:
    """Returns a row of a table: words, a bar of the value relative to the largest, the number."""
    share = min(1.0, abs(value) / largest) if largest > 0 and not math.isnan(value) else 0.0
    colour = FOR if value >= 0 else AGAINST
    bar = f'<div style="width:{120 * share:.0f}px;height:.7em;background:{colour}"></div>'
    return (
        f'<tr style="background:none"><td style="{_CELL}">{escape(words)}</td><td style="{_CELL};min-width:120px">{bar}</td>'
        f'<td style="{_CELL}">{escape(number)}</td></tr>'
    )


def _make_table(rows: Sequence[str]) -> str:
    return f'<table style="border-collapse:collapse;margin:2px 0;color:inherit">{"".join(rows)}</table>' if rows else ""


def _get_words(contribution: PromptContribution) -> str:
    return contribution.phrase or contribution.text
