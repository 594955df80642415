"""The parts of the table report, as rich renderables. Text from files and models never passes through rich's markup."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bioclip_x.plugin import Explanation, Prediction, Provenance, Result, Taxon
from bioclip_x_plugins.reports.explanation_text import (
    describe_baseline,
    describe_margin,
    format_amount,
    list_nearest_images,
    list_shared_contributions,
    select_shown_remainders,
    split_own_contributions,
)
from bioclip_x_plugins.reports.result_text import (
    describe_region,
    escape_controls,
    find_italic_names,
    format_common_name_beside,
    format_percent,
    format_plugins,
    format_recipe,
    format_signed,
    has_descriptors,
    is_italic,
    pluralise,
)
from bioclip_x_plugins.reports.terminal.contributions import COSINE_DECIMALS, render_why_panel

SIDE_BY_SIDE: Final = 96
"""Columns from which there is room for two panels beside each other."""

MARGIN: Final = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """How wide, in which language, how much.

    italic_classes: whether classes that no prediction lists are set in italics.
    ascii_only: the output's encoding has no bars and lines.
    """

    width: int
    language: str
    strongest: int
    italic_classes: bool = True
    ascii_only: bool = False

    @property
    def wide(self) -> bool:
        return self.width >= SIDE_BY_SIDE

    @property
    def panel(self) -> int:
        """The width of one panel."""
        return (self.width - MARGIN - 4) // 2 if self.wide else self.width - MARGIN


def make_safe_text(text: str, style: str = "") -> Text:
    """Text as a terminal may have it, see `escape_controls`; square brackets in it are no markup."""
    return Text(escape_controls(text), style)


def render_result(result: Result, layout: Layout) -> RenderableType:
    """An image's block, or one line where it could not be named; a box's, indented below the image; or an event's, set off."""
    if result.level == "event":
        return _event(result, layout)
    title = make_safe_text(result.source, "bold")
    if result.region is None:
        return _block(title, result, layout)
    box = _indented(_block(_box_title(result), result, replace(layout, width=max(40, layout.width - MARGIN))))
    if result.region_number:
        return box
    n_boxes = Text(f"  {pluralise(result.n_regions, 'box', 'boxes')}", "dim")
    return Group(Text.assemble(title, n_boxes), *_image_notes(result), box)


def _block(title: Text, result: Result, layout: Layout) -> RenderableType:
    notes = [] if result.region else _image_notes(result)
    if not result.predictions:
        state, reason, style = (
            ("failed", result.error, "bold red") if result.error else ("not named", result.refused, "bold yellow")
        )
        return Group(Text.assemble(title, "  ", (state, style), "  ", make_safe_text(reason)), *notes, "")
    parts: list[RenderableType] = [title, *notes, _indented(_headline(result.predictions[0], layout)), ""]
    if tree := _tree(result, layout):
        parts += [_indented(Group(*tree)), ""]
    if result.explanation:
        parts += [_indented(_why(result.explanation, find_italic_names(result), layout)), ""]
    return Group(*parts)


def _box_title(result: Result) -> Text:
    """The number of a box, and what the detector says of it."""
    assert result.region is not None
    return Text.assemble(
        (f"box {result.region_number + 1}", "bold"), "  ", make_safe_text(describe_region(result.region), "dim")
    )


def _event(result: Result, layout: Layout) -> RenderableType:
    """A decision on several images, and what each of them said."""
    rule = Text(("-" if layout.ascii_only else "─") * layout.width, "dim")
    title = Text.assemble(("event ", "dim"), make_safe_text(result.source, "bold"))
    return Group(rule, _block(title, result, layout), _indented(_event_images(result, layout)), rule, "")


def _event_images(result: Result, layout: Layout) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(style="green", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(Text("what each image said", "dim"), "", Text("share", "dim"), Text("margin", "dim"))
    several = {one.source for one in result.images if one.region}
    for one in result.images:
        name = make_safe_text(f"{one.source}, box {one.region + 1}" if one.source in several else one.source)
        if one.left_out:
            grid.add_row(Text.assemble(name, "  ", make_safe_text(one.left_out, "dim")), "", "", "")
            continue
        margin = "" if one.contribution is None else format_signed(one.contribution)
        grid.add_row(name, _probability_bar(one.probability, layout), format_percent(one.probability), margin)
    return grid


def render_footer(provenance: Provenance, layout: Layout, named: int, refused: int, failed: int) -> RenderableType:
    """How many, by which model, and what not to believe."""
    total = named + refused + failed
    counts = f"{pluralise(total, 'image', 'images')}: {named} named"
    counts += "".join(f", {n} {what}" for n, what in ((refused, "not named"), (failed, "failed")) if n)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_row("images", counts)
    grid.add_row("model", make_safe_text(f"{provenance.model}, revision {provenance.revision}"))
    grid.add_row(
        "taxonomy", make_safe_text(f"{provenance.taxonomy}, {pluralise(provenance.n_classes, 'class', 'classes')}")
    )
    grid.add_row("percent", make_safe_text(provenance.probabilities))
    grid.add_row("recipe", make_safe_text(format_recipe(provenance.recipe), "dim"))
    if plugins := format_plugins(provenance):
        grid.add_row("plugins", make_safe_text(plugins, "dim"))
    grid.add_row("version", make_safe_text(f"bioclip-x {provenance.version}"))
    rule = Text(("-" if layout.ascii_only else "─") * layout.width, "dim")
    if not provenance.demo:
        return Group(rule, grid)
    title = Text("demonstration model", "bold")
    return Group(
        rule, grid, "", Panel(make_safe_text(provenance.demo), title=title, border_style="yellow", width=layout.width)
    )


def _image_notes(result: Result) -> list[RenderableType]:
    """What to know of how the image was read, on a line."""
    return [_indented(make_safe_text(f"image: {'; '.join(result.notes)}", "dim"))] if result.notes else []


def _headline(best: Prediction, layout: Layout) -> Text:
    common = format_common_name_beside(best, layout.language)
    style = "bold green italic" if is_italic(best.taxon.rank) else "bold green"
    name = Text.assemble(make_safe_text(best.taxon.name, style), *(("  ", make_safe_text(common)) if common else ()))
    return Text.assemble(name, "  ", (format_percent(best.probability), "bold"))


def _tree(result: Result, layout: Layout) -> list[RenderableType]:
    """The path down the tree and the runners-up. A plain label has no path worth showing."""
    best, flags = result.predictions[0], list(_flags(result, layout))
    others = list(_others(result.predictions[1:], layout))
    if len(best.path) < 2:
        return [*others, *flags]
    if layout.wide and others:
        return [_panels([_path(best, layout), *others], layout), *flags]
    return [_panels([Group(_path(best, layout), *flags), *others], layout)]


def _path(best: Prediction, layout: Layout) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_column(no_wrap=True, style="green")
    grid.add_column(justify="right", no_wrap=True)
    for step in best.path:
        name = make_safe_text(step.name, "italic" if is_italic(step.rank) else "")
        grid.add_row(
            make_safe_text(step.rank),
            name,
            _probability_bar(step.probability, layout),
            format_percent(step.probability),
        )
    return grid


def _probability_bar(probability: float, layout: Layout, width: int = 8) -> str:
    filled = round(max(0.0, min(1.0, probability)) * width) if math.isfinite(probability) else 0
    full, empty = ("#", ".") if layout.ascii_only else ("━", "╌")
    return full * filled + empty * (width - filled)


def _flags(result: Result, layout: Layout) -> Iterable[Text]:
    mark = "!" if layout.ascii_only else "⚑"
    for winner in result.ranks:
        if not winner.on_path:
            name = _taxon_text(winner.taxon, "bold") if winner.taxon else Text("one without a name")
            what = make_safe_text(f"the largest {winner.rank} lies elsewhere: ")
            yield Text.assemble((f"{mark} ", "yellow"), what, name, f"  {format_percent(winner.probability)}")


def _others(predictions: Iterable[Prediction], layout: Layout) -> Iterable[RenderableType]:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", justify="right")
    grid.add_column(overflow="fold")
    grid.add_column(justify="right", no_wrap=True)
    for place, one in enumerate(predictions, start=2):
        name = _taxon_text(one.taxon)
        if common := format_common_name_beside(one, layout.language):
            name = Text.assemble(name, "  ", make_safe_text(common, "dim"))
        grid.add_row(str(place), name, format_percent(one.probability))
    if grid.row_count:
        yield grid


def _taxon_text(taxon: Taxon, style: str = "") -> Text:
    return make_safe_text(taxon.name, f"{style} italic" if is_italic(taxon.rank) else style)


def _why(explanation: Explanation, italic: Mapping[str, bool], layout: Layout) -> RenderableType:
    names, classes = (
        [make_safe_text(name, "bold italic" if italic.get(name, layout.italic_classes) else "bold") for name in two]
        for two in (
            (explanation.winner, explanation.runner_up),
            (explanation.winner_class, explanation.runner_up_class),
        )
    )
    over = (" rather than ", names[1]) if explanation.runner_up else ()
    title = Text.assemble("why ", names[0], *over, f": {describe_margin(explanation)}")
    rest = [*_rest(explanation), *_examples(explanation)]
    if not has_descriptors(explanation):
        named = (
            " (the texts compared are names)" if explanation.contributions else ""
        )  # else scores that no text has made
        return Group(Text.assemble(title, (named, "dim")), *rest)
    own = split_own_contributions(explanation)
    reach = max((abs(one.contribution) for side in own for one in side), default=0.0) or 1.0
    panels: list[RenderableType] = [
        render_why_panel(name, side, reach, layout.panel, layout.strongest, layout.ascii_only, make_safe_text)
        for name, side in zip(classes, own)
        if name.plain
    ]
    return Group(title, _panels(panels, layout), *_baseline(explanation), *_both(explanation), *rest)


def _baseline(explanation: Explanation) -> Iterable[RenderableType]:
    """What the cosines are to be compared with."""
    if words := describe_baseline(explanation, COSINE_DECIMALS):
        yield Text(f"cosine: {words}", "dim")


def _both(explanation: Explanation) -> Iterable[RenderableType]:
    """What is said of both classes, on one line: it tells them apart only by what their names make of it."""
    if both := list_shared_contributions(explanation):
        yield Text.assemble(
            ("of both: ", "dim"),
            make_safe_text(", ".join(f"{phrase} {format_signed(net)}" for phrase, net in both), "dim"),
        )


def _rest(explanation: Explanation) -> Iterable[RenderableType]:
    """What of the margin no text has made, a line each."""
    if not (remainders := select_shown_remainders(explanation)):
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(justify="right", no_wrap=True)
    for one in remainders:
        grid.add_row(make_safe_text(f"of the margin, from {one.label}:"), format_amount(one.contribution))
    yield grid


def _examples(explanation: Explanation) -> Iterable[RenderableType]:
    """The nearest examples of the two classes, a line each."""
    if not explanation.examples:
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(overflow="fold")
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(Text("nearest examples", "dim"), "", Text("cosine", "dim"))
    for class_name, name, cosine in list_nearest_images(explanation):
        grid.add_row(make_safe_text(class_name), make_safe_text(name), cosine)
    yield grid


def _panels(panels: Sequence[RenderableType], layout: Layout) -> RenderableType:
    if not layout.wide or len(panels) == 1:
        return Group(*(part for i, panel in enumerate(panels) for part in ([panel] if i == 0 else ["", panel])))
    grid = Table.grid(padding=(0, 4, 0, 0))
    for _ in panels:
        grid.add_column(width=layout.panel)
    grid.add_row(*panels)
    return grid


def _indented(part: RenderableType) -> RenderableType:
    grid = Table.grid()
    grid.add_column(width=MARGIN)
    grid.add_column()
    grid.add_row("", part)
    return grid
