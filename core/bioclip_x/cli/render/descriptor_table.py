"""Renders the usefulness of descriptors as a text table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console, RenderableType
from rich.table import Table

from bioclip_x.evaluation.descriptors.statistics import FEWEST
from bioclip_x.messages import escape_controls, list_some, pluralise
from bioclip_x.records.evaluation.descriptor_usefulness import (
    Area,
    ByChance,
    ClassUse,
    DescriptorUse,
    LeftOut,
    Pruning,
    Share,
    SwappedCount,
    Usefulness,
)

WIDTH: Final = 120
MOST: Final = 30
"""Most classes in the table."""
FIRST: Final = 5
"""Most descriptors in each of the lists below it."""

Use = tuple[ClassUse, DescriptorUse]


def render_table(usefulness: Usefulness, *, in_full: bool = False) -> str:
    """Renders the table. in_full: every descriptor of each class, else the best and worst, and notable ones of all."""
    console = Console(width=WIDTH, markup=False, highlight=False, emoji=False, color_system=None, force_terminal=False)
    with console.capture() as captured:
        for part in (
            *_iterate_head(usefulness),
            *(_iterate_full(usefulness) if in_full else _iterate_overview(usefulness)),
            *_iterate_foot(usefulness),
        ):
            console.print(part, soft_wrap=isinstance(part, str))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _iterate_head(usefulness: Usefulness) -> Iterator[RenderableType]:
    right, model = usefulness.accuracy, usefulness.provenance
    demo = f" (demonstration: {model['demo']})" if model["demo"] else ""
    yield escape_controls(
        f"{usefulness.source}: {pluralise(usefulness.pictures, 'image')}, {_format_share(right)} right among "
        f"{pluralise(model['n_classes'], 'class', 'classes')}"
    )
    yield escape_controls(f"{model['model']}, revision {model['revision']}{demo}")
    if usefulness.without:
        yield escape_controls(f"not measured, as there are no images: {list_some(usefulness.without)}")
    yield ""


def _iterate_overview(usefulness: Usefulness) -> Iterator[RenderableType]:
    uses = [(one, use) for one in usefulness.classes for use in one.descriptors]
    yield from _iterate_counts(uses, usefulness.by_chance)
    worst_first = sorted(usefulness.classes, key=lambda one: min(map(_get_auroc, one.descriptors), default=2.0))
    yield _make_class_table(worst_first[:MOST])
    if len(worst_first) > MOST:
        yield f"… {len(worst_first) - MOST} more classes, whose worst descriptors are better: --class NAME, --output FILE.csv"
    yield ""
    flat = [(one, use) for one, use in uses if use.is_same_everywhere]
    yield from _iterate_list("the same for all classes (no more variance between classes than by chance)", flat)
    without = sorted((pair for pair in uses if pair[1].left_out), key=lambda pair: _get_gain(pair[1]))
    yield from _iterate_list(
        "most useful: fewer images are right without them", [u for u in without if _get_gain(u[1]) < 0]
    )
    yield from _iterate_list(
        "better left out: more images are right without them", [u for u in without[::-1] if _get_gain(u[1]) > 0]
    )


def _iterate_counts(uses: Sequence[Use], by_chance: ByChance | None) -> Iterator[str]:
    """Counts the descriptors that separate their class, separate it inversely, and do not."""
    if not any(use.from_siblings for _, use in uses):
        yield f"{pluralise(len(uses), 'descriptor')}; no other class has images, so nothing can be separated"
        yield ""
        return
    few = sum(one.pictures < FEWEST and use.from_siblings is not None for one, use in uses)
    side = {name: [use for _, use in uses if _get_side(use) == name] for name in ("above", "around", "below")}
    around, below = _format_shared(side["around"]), _format_shared(side["below"])
    yield f"{pluralise(len(uses), 'descriptor')}; AUROC from siblings, 95% intervals over images of these classes:"
    yield f"  {len(side['above']):>6,}  entirely above 0.5: more similar to their class's images"
    yield f"  {len(side['around']):>6,}  around 0.5: no separation found{around}"
    yield f"  {len(side['below']):>6,}  entirely below 0.5: more similar to the siblings' images{below}"
    yield from _iterate_chance(by_chance)
    if few:
        yield f"{few:,} are based on fewer than {FEWEST} images of the class (*)"
    yield ""


def _iterate_chance(by_chance: ByChance | None) -> Iterator[str]:
    """Compares the counts with those of swapped classes."""
    if by_chance is None:
        yield "only one class has descriptors and images, so the numbers cannot be compared with those of swapped classes"
        return
    yield (
        f"by chance, each class's descriptors on the images of another class ({by_chance.swaps} random swaps of the classes, "
        "95% range):"
    )
    for name, count in (("above", by_chance.above), ("below", by_chance.below)):
        verdict = "no more than noise" if count.is_by_chance else "more" if count.found > count.most else "fewer"
        yield (
            f"  {count.expected:>6,.0f}  {name} 0.5 [{count.least:,}, {count.most:,}]; with their own classes {count.found:,}: "
            f"{verdict}; per class {100 * count.more:+.1f} points {_format_interval(count, scale=100, form='+.1f')}, over classes"
        )


def _make_class_table(classes: Iterable[ClassUse]) -> Table:
    shown = _make_table("class", "right", "siblings", "best descriptor", "AUROC", "worst descriptor", "AUROC")
    for one in classes:
        ordered = sorted(one.descriptors, key=_get_auroc)
        cells: list[str] = []
        for use in (ordered[-1:], ordered[:1]):
            cells += [_format_phrase(use[0]), _format_area(use[0].from_siblings, one)] if use else ["–", ""]
        if len(ordered) == 1:
            cells[2:] = ["(the same)", ""]
        shown.add_row(escape_controls(one.name), f"{one.right}/{one.pictures}", _format_siblings(one), *cells)
    return shown


def _iterate_full(usefulness: Usefulness) -> Iterator[RenderableType]:
    for one in usefulness.classes:
        name = f"{one.name} ({one.common_name})" if one.common_name else one.name
        yield escape_controls(
            f"{name}: {one.right} of {pluralise(one.pictures, 'image')} right; siblings: {_format_siblings(one)}, "
            f"{pluralise(one.sibling_pictures, 'image')}"
        )
        shown = _make_table(
            "descriptor", "from siblings", "from all", "cosine", "siblings", "between", "right without it"
        )
        for use in sorted(one.descriptors, key=lambda use: -_get_auroc(use)):
            shown.add_row(
                _format_phrase(use),
                _format_area(use.from_siblings, one),
                _format_area(use.from_all, one),
                f"{use.own:.3f}",
                "–" if use.siblings is None else f"{use.siblings:.3f}",
                "–" if use.between is None else f"{max(0.0, use.between):.0%}",
                _format_left_out(use.left_out),
            )
        yield shown
        yield ""


def _iterate_list(title: str, uses: Sequence[Use]) -> Iterator[RenderableType]:
    if not uses:
        return
    yield f"{title}: {len(uses):,}"
    shown = _make_table("", "", "from siblings", "right without it")
    shown.show_header = False
    for one, use in uses[:FIRST]:
        shown.add_row(
            "  " + escape_controls(one.name),
            _format_phrase(use),
            _format_area(use.from_siblings, one),
            _format_left_out(use.left_out),
        )
    yield shown
    if len(uses) > FIRST:
        yield f"  … {len(uses) - FIRST} more: --output FILE.csv"
    yield ""


def _iterate_foot(usefulness: Usefulness) -> Iterator[RenderableType]:
    if usefulness.pruning:
        yield from render_pruned(usefulness.pruning)
        yield ""
    yield (
        "in brackets: 95% intervals, over images of these classes, [–] for too few; any text is more similar to some classes "
        "than to others, so one above 0.5 alone proves nothing"
    )


def render_pruned(pruning: Pruning) -> Iterator[str]:
    """Renders what was dropped and how the accuracy changed."""
    yield (
        f"pruned: {pruning.dropped:,} of {pruning.judged:,} judged descriptors dropped, of {pruning.descriptors:,} in the file; "
        f"decided on {pruning.deciding:,} images (seed {pruning.seed})"
    )
    yield (
        f"  on the {pruning.held_out:,} others: {_format_share(pruning.before)} right before, "
        f"{_format_share(pruning.after)} after; {_format_change(pruning.change)}"
    )


def _make_table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        is_number = column in ("AUROC", "from siblings", "from all", "cosine", "right", "between")
        shown.add_column(column, no_wrap=is_number, overflow="fold", min_width=18 if column == "class" else None)
    return shown


def _get_auroc(use: DescriptorUse) -> float:
    return use.from_siblings.value if use.from_siblings else 0.5


def _get_side(use: DescriptorUse) -> str:
    return use.from_siblings.side if use.from_siblings else ""


def _format_shared(uses: Sequence[DescriptorUse]) -> str:
    shared = sum(use.with_siblings > 0 for use in uses)
    return f" ({shared:,} are also given for a sibling, word for word)" if shared else ""


def _get_gain(use: DescriptorUse) -> int:
    return use.left_out.fixed - use.left_out.broken if use.left_out else 0


def _format_phrase(use: DescriptorUse) -> str:
    """Formats a phrase with the taxon that it is inherited from and the number of siblings that share it."""
    details = [f"{use.rank} {use.taxon}".strip()] if use.taxon else []
    details += [f"shared with {pluralise(use.with_siblings, 'sibling')}"] if use.with_siblings else []
    return escape_controls(use.phrase + (f" ({', '.join(details)})" if details else ""))


def _format_siblings(one: ClassUse) -> str:
    if not one.siblings:
        return "none"
    of = f"{one.sibling_rank} {one.sibling_taxon}" if one.sibling_rank else "all"
    return escape_controls(f"{one.siblings:,} of {of}")


def _format_area(area: Area | None, one: ClassUse) -> str:
    """Formats an area as "0.912 [0.81, 0.96]", with a star if the class has few images."""
    if area is None:
        return "–"
    return f"{area.value:.3f} {_format_interval(area)}" + ("*" if one.pictures < FEWEST else "")


def _format_left_out(left_out: LeftOut | None) -> str:
    return "–" if left_out is None else f"+{left_out.fixed} -{left_out.broken}"


def _format_change(change: LeftOut) -> str:
    interval = _format_interval(change, scale=100, form="+.1f")
    return f"{100 * change.change:+.1f} points {interval} ({change.fixed} more right, {change.broken} fewer)"


def _format_share(share: Share) -> str:
    return f"{share.value:.1%} {_format_interval(share, scale=100, form='.1f')}"


def _format_interval(one: Area | LeftOut | Share | SwappedCount, scale: float = 1, form: str = ".2f") -> str:
    """Formats an interval as "[0.81, 0.96]", "[–]" where there is none."""
    if one.low is None or one.high is None:
        return "[–]"
    return f"[{format(scale * one.low, form)}, {format(scale * one.high, form)}]"
