"""Runs over images, of which some are bad: the arguments, and what their rows must be."""

from __future__ import annotations

import json
import math
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hostile.case import Outcome
from hostile.image_bytes import draw_drawing
from hostile.inputs import prepare, write_labels

GOOD = ("bird.png", "last.png")
"""The good images of each run, of one drawing."""
_LOCK = threading.Lock()


def classify_among(folder: Path, *names: str) -> list[str]:
    """Writes a good image and three classes. Returns the arguments of a run of the good image, the named ones, and it again."""
    for good in GOOD:
        draw_drawing().save(folder / good)
    write_labels(folder)
    return ["classify", "bird.png", *names, "last.png", "--labels", "labels.txt", "--format", "jsonl", "--no-explain"]


def read_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """Returns the results that a run wrote as JSON Lines, without the provenance."""
    rows = [json.loads(line) for line in outcome.stdout.splitlines() if line.startswith("{")]
    return [row for row in rows if "source" in row]


def list_shares(row: dict[str, Any]) -> list[tuple[str, float]]:
    """Returns the names and probabilities of a result."""
    return [(one["name"], one["probability"]) for one in row["predictions"]]


def check_others(n_failed: int | None, n_rows: int | None = None) -> Callable[[Outcome], str]:
    """Returns a check: the good images have their right shares, so many of the others failed with a reason in one line.

    n_failed: None if it does not matter. n_rows: of the others; None if it does not matter.
    """

    def check(outcome: Outcome) -> str:
        rows = read_rows(outcome)
        good = [row for row in rows if row["source"] in GOOD]
        others = [row for row in rows if row["source"] not in GOOD]
        if len(good) != 2:
            return f"the good images have {len(good)} rows"
        for row in good:
            if row["error"] or not _are_same(list_shares(row), get_right_shares()):
                return f"{row['source']}: {row['error'] or list_shares(row)}; expected {get_right_shares()}"
        failed = [row for row in others if row["error"]]
        if n_failed is not None and len(failed) != n_failed:
            return f"{len(failed)} failed, expected {n_failed}: {[(row['source'], row['error']) for row in others][:3]}"
        if n_rows is not None and len(others) != n_rows:
            return f"{len(others)} rows, expected {n_rows}"
        if long := [row["error"] for row in failed if "\n" in row["error"] or len(row["error"]) > 500]:
            return f"a reason is no short line: {long[0][:600]!r}"
        shares = [share for row in others for _, share in list_shares(row)]
        return "" if all(math.isfinite(share) and 0 <= share <= 1 for share in shares) else f"shares: {shares}"

    return check


def _are_same(one: Sequence[tuple[str, float]], other: Sequence[tuple[str, float]]) -> bool:
    return [name for name, _ in one] == [name for name, _ in other] and all(
        abs(mine - yours) < 1e-4 for (_, mine), (_, yours) in zip(one, other)
    )


def get_right_shares() -> list[tuple[str, float]]:
    """Returns what a run of the good image alone says."""
    with _LOCK:
        return _find_right_shares()


@cache
def _find_right_shares() -> list[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = classify_among(folder)
        prepare(folder, *arguments, "--output", "alone.jsonl")
        text = (folder / "alone.jsonl").read_text("utf-8")
        shares = list_shares(read_rows(Outcome(0, text, "", folder))[0])
        assert shares[0][0] == "Parus major" and shares[0][1] > 0.9, shares
        return shares
