"""Prints the findings of `bioclip-x describe --check FILE` as a table or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from bioclip_x.cli.render.terminal import echo, make_safe_text, open_printer
from bioclip_x.messages import pluralise

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bioclip_x.cli.render.documents import CurationDocument
    from bioclip_x.describe.check import CheckedFile
    from bioclip_x.prompts.curation import Finding
    from bioclip_x.prompts.curation.findings import Done

LONGEST: Final = 120
"""Most characters of a phrase in a table."""

_STYLES: Final[dict[Done, str]] = {"mended": "green", "dropped": "red", "told": "yellow"}


def print_checked(checked: CheckedFile, format_: Literal["table", "json"] = "table", most: int = 10) -> None:
    """Prints findings to stdout. most: findings of each kind in the table, 0 for all; JSON has all."""
    if format_ == "json":
        echo(json.dumps(make_document(checked), indent=2, ensure_ascii=False))
        return
    with open_printer() as put:
        for block in render_blocks(checked, most):
            put(block)


def make_document(checked: CheckedFile) -> CurationDocument:
    """Makes the JSON document."""
    counts = Counter(finding.done for finding in checked.findings)
    return {
        "file": str(checked.file),
        "style": checked.descriptors.style or None,
        "classes": len(checked.descriptors.classes),
        "descriptors": _count(checked.descriptors.classes.values()),
        "kept": _count(checked.curated.descriptors.classes.values()),
        "mended": counts["mended"],
        "dropped": counts["dropped"],
        "told": counts["told"],
        "to_ask_again": list(checked.curated.to_ask_again),
        "findings": [
            {
                "kind": one.kind,
                "class": one.name or None,
                "phrase": one.phrase or None,
                "done": one.done,
                "became": one.became or None,
                "message": one.message,
            }
            for one in checked.findings
        ],
    }


def render_blocks(checked: CheckedFile, most: int) -> Iterator[RenderableType]:
    """Yields a summary, then each kind with its first findings, dropped ones first."""
    total = Counter(finding.done for finding in checked.findings)
    summary = ", ".join(f"{total[done]:,} {done}" for done in _STYLES if total[done]) or "no findings"
    classes = pluralise(len(checked.descriptors.classes), "class", "classes")
    number = pluralise(_count(checked.descriptors.classes.values()), "descriptor")
    yield make_safe_text(f"{checked.file}: {classes}, {number}: {summary}", "bold")
    for kind in dict.fromkeys(finding.kind for finding in checked.findings):
        of_kind = sorted((finding for finding in checked.findings if finding.kind == kind), key=lambda one: one.done)
        counts = Counter(finding.done for finding in of_kind)
        yield make_safe_text("")
        yield make_safe_text(f"{kind}: {', '.join(f'{n:,} {done}' for done, n in counts.items())}", "bold")
        for finding in islice(of_kind, most or None):
            yield _format_finding(finding)
        if most and len(of_kind) > most:
            yield make_safe_text(f"  … {len(of_kind) - most:,} more", "dim")


def _format_finding(finding: Finding) -> RenderableType:
    text = make_safe_text(f"  {finding.done:<8}", _STYLES[finding.done])
    if finding.name:
        text.append_text(make_safe_text(_shorten(finding.name)))
        text.append(": ")
    if finding.phrase:
        text.append_text(make_safe_text(_shorten(finding.phrase)))
        if finding.became:
            text.append(" → ")
            text.append_text(make_safe_text(_shorten(finding.became), "bold"))
        text.append(" ")
    text.append_text(make_safe_text(f"({finding.message})" if finding.phrase else finding.message, "dim"))
    return text


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _count(classes: Iterable[Sequence[object]]) -> int:
    return sum(map(len, classes))
