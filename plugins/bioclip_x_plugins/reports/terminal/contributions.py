"""One side of an explanation: its strongest descriptors, with bars to either side of zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table
from rich.text import Text

from bioclip_x.plugin import PromptContribution
from bioclip_x_plugins.reports.explanation_text import whence
from bioclip_x_plugins.reports.result_text import said, signed


def why_panel(
    heading: Text,
    shares: Sequence[PromptContribution],
    reach: float,
    width: int,
    strongest: int,
    ascii_only: bool,
    safe: Callable[[str], Text],
) -> Table:
    """Phrase, similarity, bar and signed contribution; what is left out is summed up in a last row.

    reach: the largest contribution of either side, the length of a whole bar.
    """
    shown, hidden = shares[:strongest], shares[strongest:]
    half = max(5, min(10, width // 6))
    below = any(share.contribution < 0 for share in shown)
    above = any(share.contribution > 0 for share in shown) or not below
    grid = Table.grid(padding=(0, 1))
    grid.width = width
    grid.add_column(ratio=1, overflow="fold")
    grid.add_column(justify="right", no_wrap=True, style="dim")
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(heading, "cosine", "", Text("margin", "dim"))
    for share in shown:
        bar = contribution_bar(share.contribution / reach, half if below else 0, half if above else 0, ascii_only)
        beside = f", {whence(share)}" if share.taxon else ""
        grid.add_row(
            Text.assemble(safe(said(share)), (safe(beside).plain, "dim")),
            f"{share.similarity:.2f}".replace("-", "−"),
            bar,
            signed(share.contribution),
        )
    if not shares:
        grid.add_row(Text("nothing that the other has not", "dim"))
    if hidden:
        rest = signed(sum(share.contribution for share in hidden))
        grid.add_row(Text(f"{len(hidden)} more", "dim"), "", "", Text(rest, "dim"))
    return grid


def contribution_bar(fraction: float, left: int, right: int, ascii_only: bool = False) -> Text:
    """A bar from a zero line: to the left, `left` cells long at -1, or to the right.

    >>> contribution_bar(0.5, 0, 4).plain, contribution_bar(-0.5, 4, 0).plain
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
