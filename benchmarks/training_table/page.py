"""The results of the training table as Markdown, for docs/training-experiments.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training_table.rows import ROWS
from training_table.summary import MEASURES

GROUPS = {"both": "Both data sets", "grocery_produce": "Fruit and vegetables (`grocery_produce`)",
          "tinyimagenet_bio": "Animals (`tinyimagenet_bio`)"}  # fmt: skip
HEADINGS = {"top1": "top-1", "species": "species", "genus": "genus", "family": "family", "severity": "severity",
            "1-shot": "1-shot", "5-shot": "5-shot"}  # fmt: skip


def tables(results: Mapping[str, Any]) -> str:
    """Formats all results."""
    parts = [f"### {title}\n\n{_table(results['table'], group)}" for group, title in GROUPS.items()]
    parts += [f"### The paper's finding\n\n{_comparisons(results['comparisons'])}", _machine(results)]
    return "\n\n".join(parts)


def _table(table: Mapping[str, Any], group: str) -> str:
    lines = [_line(["", *HEADINGS.values()]), _line(["---"] * (1 + len(HEADINGS)))]
    for name in ROWS:
        if name in table:
            lines.append(
                _line([ROWS[name].title, *(_cell(measure, table[name][group][measure]) for measure in MEASURES)])
            )
    return "\n".join(lines)


def _cell(measure: str, figure: Mapping[str, Any]) -> str:
    scale, digits = (1, 2) if measure == "severity" else (100, 1)
    spread = f" ± {figure['sd'] * scale:.{digits}f}" if figure["sd"] is not None else ""
    return f"{figure['mean'] * scale:.{digits}f}{spread}"


def _comparisons(comparisons: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        _line(["few-shot accuracy, difference in points", *(f"{g}, {s}" for g in GROUPS for s in ("1-shot", "5-shot"))])
    ]
    lines.append(_line(["---"] * (1 + 2 * len(GROUPS))))
    for better, worse in dict.fromkeys((one["better"], one["worse"]) for one in comparisons):
        found = {
            (one["group"], one["measure"]): one
            for one in comparisons
            if (one["better"], one["worse"]) == (better, worse)
        }
        cells = [_difference(found[group, shots]) for group in GROUPS for shots in ("1-shot", "5-shot")]
        lines.append(_line([f"`{better}` − `{worse}`", *cells]))
    return "\n".join([*lines, "", f"The paper's order here: {_count_verdicts(comparisons)}."])


def _count_verdicts(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Returns in how many cases each comparison holds, and in how many it is reversed."""
    parts = []
    for better, worse in dict.fromkeys((one["better"], one["worse"]) for one in comparisons):
        verdicts = [one["verdict"] for one in comparisons if (one["better"], one["worse"]) == (better, worse)]
        held, turned = (verdicts.count(verdict) for verdict in ("holds", "reversed"))
        parts.append(f"`{better}` above `{worse}` holds in {held} of {len(verdicts)} cases, reversed in {turned}")
    return "; ".join(parts)


def _difference(one: Mapping[str, Any]) -> str:
    interval = (
        "" if one["interval95"] is None else " ({:+.1f} to {:+.1f})".format(*(100 * x for x in one["interval95"]))
    )
    return f"{100 * one['mean']:+.1f}{interval}: {one['verdict']}"


def _machine(results: Mapping[str, Any]) -> str:
    machine, size = results["machine"], results["size"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{size['steps']} steps of {size['batch']} photos for each loss; {size['runs']} runs, {size['cpu_minutes']:.0f} minutes "
        f"of CPU time in all, {size['at_a_time']} runs at a time. {machine['processor']}, {machine['cores']} cores, Python "
        f"{machine['python']}, {versions}; `{results['command']}`."
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
