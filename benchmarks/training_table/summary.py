"""Means over seeds, and paired comparisons of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from training_table.rows import ROWS
from training_table.runs import Job

GROUPS = ("grocery_produce", "tinyimagenet_bio", "both")
MEASURES = ("top1", "species", "genus", "family", "severity", "1-shot", "5-shot")
COMPARED = (("clip", "rank-cross-entropy"), ("rank-cross-entropy", "cross-entropy"), ("clip", "cross-entropy"))
"""The finding of BioCLIP's paper (Stevens et al. 2024, arXiv 2311.18803, table 6) for 1 and 5 shots: the contrastive objective
above the hierarchical one (a cross-entropy per rank), and that above plain cross-entropy."""
T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""The 97.5th percentile of Student's t by degrees of freedom."""

Lines = Mapping[Job, Mapping[str, Any]]


def summarise(lines: Lines) -> dict[str, Any]:
    """Returns the mean and the standard deviation over seeds of every row, group and measure."""
    table: dict[str, Any] = {}
    for row in ROWS:
        of_row = [line["figures"] for job, line in sorted(lines.items(), key=lambda it: it[0].seed) if job.row == row]
        if of_row:
            table[row] = {
                group: {name: _spread([figures[group][name] for figures in of_row]) for name in MEASURES}
                for group in GROUPS
            }
    return table


def compare(lines: Lines) -> list[dict[str, Any]]:
    """Returns the paired differences of few-shot accuracy behind the paper's finding, with t intervals over seeds."""
    found = []
    for better, worse in COMPARED:
        seeds = sorted(
            {job.seed for job in lines if job.row == better} & {job.seed for job in lines if job.row == worse}
        )
        for group in GROUPS if seeds else ():
            for shots in ("1-shot", "5-shot"):
                values = [[lines[Job(row, seed)]["figures"][group][shots] for seed in seeds] for row in (better, worse)]
                difference = pair(*values)
                found.append({"better": better, "worse": worse, "group": group, "measure": shots, **difference})
    return found


def pair(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Returns the mean of paired differences and its 95% t interval.

    verdict: "holds" if the interval is above 0, "reversed" if below, else "open".

    >>> pair([2.0, 3.0], [1.0, 1.0])["mean"]
    1.5
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    middle = mean(differences)
    half = (
        T975[len(differences) - 1] * stdev(differences) / math.sqrt(len(differences))
        if len(differences) > 1
        else math.inf
    )
    verdict = "holds" if middle - half > 0 else "reversed" if middle + half < 0 else "open"
    interval = [middle - half, middle + half] if math.isfinite(half) else None
    return {"mean": middle, "interval95": interval, "seeds": len(differences), "verdict": verdict}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": mean(values), "sd": stdev(values) if len(values) > 1 else None, "seeds": len(values)}
