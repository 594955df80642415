"""Draws a tree in lines, limited to a readable size."""

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
"""Most lines of a drawing without a given depth."""
DEEPEST: Final = 60
"""Most levels drawn: lines are not wide enough for more, and rich draws recursively."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What to draw. top: root of the drawing (0: all). depth: levels, None for as many as fit on a page. last_rank: lowest
    rank drawn ("": all). most: siblings drawn under one parent, 0 for all. language: of common names.
    """

    top: int
    depth: int | None
    last_rank: str
    most: int
    language: str


def render_outline(taxonomy: Taxonomy, outline: Outline) -> RenderableType:
    """Draws a tree. Only drawn nodes are visited, so that the time does not depend on the size of the tree."""
    from rich.console import Group
    from rich.tree import Tree

    from bioclip_x.taxonomy.ranks import ORDER

    last = ORDER.get(outline.last_rank, len(ORDER))

    def get_shown(node: int) -> list[int]:
        """Returns the child taxa of a node that are drawn."""
        return [child for child in list_taxa_below(taxonomy, node) if ORDER.get(taxonomy.rank(child), -1) <= last]

    depth = min(
        outline.depth or (_count_fitting_levels(get_shown, outline) if not outline.last_rank else DEEPEST), DEEPEST
    )
    tops = [outline.top] if outline.top else get_shown(0)
    forest = Tree("", hide_root=True, guide_style="dim")
    _add_branches(forest, tops, depth, get_shown, taxonomy, outline)
    return Group(*forest.children) if outline.top else forest


def list_taxa_below(taxonomy: Taxonomy, node: int) -> list[int]:
    """Returns the child taxa of a node; holes in between are skipped."""
    from bioclip_x.taxonomy import HOLE, SELF

    found: list[int] = []
    for child in taxonomy.children(node):
        kind = taxonomy.kind_N[child]
        if kind == HOLE:
            found += list_taxa_below(taxonomy, child)
        elif kind != SELF:
            found.append(child)
    return found


def _count_fitting_levels(get_shown: Callable[[int], list[int]], outline: Outline) -> int:
    """Returns the number of levels that fit on a page, at least one."""
    level = [outline.top] if outline.top else get_shown(0)
    lines, depth = 0, 0
    while level and depth < DEEPEST:
        level = level[: PAGE + 1]
        lines += len(level)
        if depth and lines > PAGE:
            break
        depth += 1
        level = [child for node in level for child in _take(get_shown(node), outline.most)]
    return depth


def _take(nodes: list[int], most: int) -> list[int]:
    return nodes[: most or None]


def _add_branches(
    branch: Tree,
    nodes: list[int],
    depth: int,
    get_shown: Callable[[int], list[int]],
    taxonomy: Taxonomy,
    outline: Outline,
) -> None:
    for node in _take(nodes, outline.most):
        children = get_shown(node)
        line = _format_line(taxonomy, node, outline.language, is_cut=depth == 1 or not children)
        child_branch = branch.add(line)
        if depth > 1 and children:
            _add_branches(child_branch, children, depth - 1, get_shown, taxonomy, outline)
    omitted = len(nodes) - len(_take(nodes, outline.most))
    if omitted:
        branch.add(make_safe_text(f"… {omitted:,} more", "dim"))


def _format_line(taxonomy: Taxonomy, node: int, language: str, *, is_cut: bool) -> Text:
    """Formats name, rank, common name and, where the drawing ends, the number of classes below."""
    from bioclip_x.taxonomy.details import NO_DETAILS
    from bioclip_x.taxonomy.ranks import ORDER

    is_italic = ORDER.get(taxonomy.rank(node), -1) >= ORDER["genus"]  # as is customary in nomenclature
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
