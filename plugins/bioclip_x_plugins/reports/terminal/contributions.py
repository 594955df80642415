"""One side of an explanation: its strongest descriptors, with bars to either side of zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from bioclip_x.plugin import PromptContribution
from bioclip_x_plugins.reports.explanation_text import describe_source, split_strongest
from bioclip_x_plugins.reports.result_text import describe_contribution, format_cosine, format_signed

COSINE_DECIMALS: Final = 2
"""Of cosines in the terminal, where columns are few."""


def render_why_panel(
    heading: Text,
    contributions: Sequence[PromptContribution],
    reach: float,
    width: int,
    strongest: int,
    ascii_only: bool,
    safe: Callable[[str], Text],
) -> Table:
    """Phrase, similarity, bar and signed contribution; what is left out is summed up in a last row.

    A bar to the right, green, is evidence for the winner; one to the left, magenta, is evidence against it.
    reach: the largest contribution of either side, the length of a whole bar. strongest: contributions shown.
    """
    shown, hidden = split_strongest(contributions, strongest)
    half = max(5, min(10, width // 6))
    below = any(one.contribution < 0 for one in shown)
    above = any(one.contribution > 0 for one in shown) or not below
    grid = Table.grid(padding=(0, 1))
    grid.width = width
    grid.add_column(ratio=1, overflow="fold")
    grid.add_column(justify="right", no_wrap=True, style="dim")
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(heading, "cosine", "", Text("margin", "dim"))
    for one in shown:
        bar = render_bar(one.contribution / reach, half if below else 0, half if above else 0, ascii_only)
        beside = f", {describe_source(one)}" if one.taxon else ""
        grid.add_row(
            Text.assemble(safe(describe_contribution(one)), (safe(beside).plain, "dim")),
            format_cosine(one.similarity, COSINE_DECIMALS),
            bar,
            format_signed(one.contribution),
        )
    if not contributions:
        grid.add_row(Text("nothing that the other has not", "dim"))
    if hidden:
        rest = format_signed(sum(one.contribution for one in hidden))
        grid.add_row(Text(f"{len(hidden)} more", "dim"), "", "", Text(rest, "dim"))
    return grid


def render_bar(fraction: float, left: int, right: int, ascii_only: bool = False) -> Text:
    """A bar from a zero line: to the left, `left` cells long at -1, or to the right.

    >>> render_bar(0.5, 0, 4).plain, render_bar(-0.5, 4, 0).plain
    ('│██  ', '  ██│')
    """
    full, half_left, half_right, zero = ("#", "", "", "|") if ascii_only else ("█", "▐", "▌", "│")
    length = abs(fraction) * (left if fraction < 0 else right)
    whole, part = int(length), length % 1 >= 0.5
    if fraction < 0:
        drawn = (half_left * part + full * whole).rjust(left)
        return Text.assemble((drawn, "magenta"), (zero, "dim"), " " * right)
    drawn = (full * whole + half_right * part).ljust(right)
    return Text.assemble(" " * left, (zero, "dim"), (drawn, "green"))
