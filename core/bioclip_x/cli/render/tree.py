"""A tree drawn in lines, no more of it than can be looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioclip_x.cli.render.terminal import make_safe_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text
    from rich.tree import Tree

    from bioclip_x.taxonomy import Taxonomy

PAGE: Final = 60
"""Lines that a drawing has at most where no depth is asked for."""
DEEPEST: Final = 60
"""Levels that are drawn: below, no line is wide enough, and rich draws by recursion."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What is drawn. top: the node below which it begins (0: all). depth: levels, None for as many as fit on a page.
    last_rank: nothing below it ("": all). most: siblings in one place, 0 for all. language: of common names.
    """

    top: int
    depth: int | None
    last_rank: str
    most: int
    language: str


def render_outline(taxonomy: Taxonomy, wanted: Outline) -> RenderableType:
    """Only what is drawn is looked at, so that it is as fast for a million nodes."""
    from rich.console import Group
    from rich.tree import Tree

    from bioclip_x.taxonomy.ranks import ORDER

    last = ORDER.get(wanted.last_rank, len(ORDER))

    def shown(node: int) -> list[int]:
        """Its taxa below that are drawn at all."""
        return [child for child in list_taxa_below(taxonomy, node) if ORDER.get(taxonomy.rank(child), -1) <= last]

    depth = min(wanted.depth or (_count_fitting_levels(shown, wanted) if not wanted.last_rank else DEEPEST), DEEPEST)
    tops = [wanted.top] if wanted.top else shown(0)
    forest = Tree("", hide_root=True, guide_style="dim")
    _add_branches(forest, tops, depth, shown, taxonomy, wanted)
    return Group(*forest.children) if wanted.top else forest


def list_taxa_below(taxonomy: Taxonomy, node: int) -> list[int]:
    """The taxa right below a node, those below holes too."""
    from bioclip_x.taxonomy import HOLE, SELF

    found: list[int] = []
    for child in taxonomy.children(node):
        kind = taxonomy.kind_N[child]
        if kind == HOLE:
            found += list_taxa_below(taxonomy, child)
        elif kind != SELF:
            found.append(child)
    return found


def _count_fitting_levels(shown: Callable[[int], list[int]], wanted: Outline) -> int:
    """The number of levels that fit on a page, at least one."""
    level = [wanted.top] if wanted.top else shown(0)
    lines, depth = 0, 0
    while level and depth < DEEPEST:
        level = level[: PAGE + 1]
        lines += len(level)
        if depth and lines > PAGE:
            break
        depth += 1
        level = [child for node in level for child in _take(shown(node), wanted.most)]
    return depth


def _take(nodes: list[int], most: int) -> list[int]:
    return nodes[: most or None]


def _add_branches(
    branch: Tree, nodes: list[int], depth: int, shown: Callable[[int], list[int]], taxonomy: Taxonomy, wanted: Outline
) -> None:
    for node in _take(nodes, wanted.most):
        below = shown(node)
        line = _format_line(taxonomy, node, wanted.language, is_cut=depth == 1 or not below)
        twig = branch.add(line)
        if depth > 1 and below:
            _add_branches(twig, below, depth - 1, shown, taxonomy, wanted)
    left = len(nodes) - len(_take(nodes, wanted.most))
    if left:
        branch.add(make_safe_text(f"… {left:,} more", "dim"))


def _format_line(taxonomy: Taxonomy, node: int, language: str, *, is_cut: bool) -> Text:
    """Name, rank, common name, and how many classes there are below where the drawing ends."""
    from bioclip_x.taxonomy.details import NO_DETAILS
    from bioclip_x.taxonomy.ranks import ORDER

    is_italic = ORDER.get(taxonomy.rank(node), -1) >= ORDER["genus"]  # by the codes' custom
    line = make_safe_text(taxonomy.names[node], "italic bold" if is_italic else "bold")
    if rank := taxonomy.rank(node):
        line.append_text(make_safe_text(f"  {rank}", "dim"))
    names = taxonomy.details.get(node, NO_DETAILS).common_names.get(language, ())
    if names and names[0] != taxonomy.names[node]:
        line.append_text(make_safe_text(f"  {names[0]}"))
    classes = int(taxonomy.leaf_stop_N[node] - taxonomy.leaf_start_N[node])
    has_below = bool(list_taxa_below(taxonomy, node)) if classes == 1 else True
    if has_below and taxonomy.class_of_N[node] >= 0:
        line.append_text(make_safe_text("  a class itself", "cyan"))
    if is_cut and has_below:
        line.append_text(make_safe_text(f"  {classes:,} classes" if classes > 1 else "  1 class", "green"))
    return line
