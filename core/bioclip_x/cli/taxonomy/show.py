"""`bioclip-x taxonomy show`: draws a tree and prints its counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.option_types import WholeNumbers
from bioclip_x.cli.render.terminal import make_safe_text, open_printer
from bioclip_x.cli.render.tree import Outline, render_outline
from bioclip_x.cli.taxonomy.source import add_source_options, find_preferred_language, read_source
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import list_some, pluralise
from bioclip_x.taxonomy.editing.restrict import restrict

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bioclip_x.taxonomy import Taxonomy


@click.command(short_help="draw a tree and print its counts")
@add_source_options
@click.option("--depth", type=WholeNumbers(1), help="Levels shown.  [default: as many as fit on a page]")
@click.option("--rank", metavar="R", help="Show nothing below this rank (family, …).")
@click.option("--under", metavar="NAME", help="Show only this taxon (Aves, or a path: 'Animalia; Aves').")
@click.option(
    "--most",
    type=WholeNumbers(),
    default=12,
    show_default=True,
    help="Siblings shown under one parent; 0 for all.",
)
@click.option("--language", metavar="L", help="Language of common names (en, de, …).")
@click.pass_obj
def show(
    registry: Registry,
    /,
    depth: int | None,
    rank: str | None,
    under: str | None,
    most: int,
    language: str | None,
    **source: Any,
) -> None:
    """Draw a tree, with counts per rank, depth, names and notes.

    \b
    bioclip-x taxonomy show my-species.csv
    bioclip-x taxonomy show --model bioclip-2 --rank family --under Aves
    bioclip-x taxonomy show checklist.zip --depth 3
    """  # fmt: skip
    taxonomy = read_source(registry, **source)
    top = _find_taxon(taxonomy, under) if under else 0
    outline = Outline(
        top, depth, _check_rank(taxonomy, rank) if rank else "", most, find_preferred_language(registry, language)
    )
    with open_printer() as put:
        put(render_outline(taxonomy, outline))
        for block in _iterate_summary(taxonomy, top):
            put(block)


def _check_rank(taxonomy: Taxonomy, rank: str) -> str:
    """Normalises a rank. Raises RecipeError if the tree does not have it."""
    from bioclip_x.errors import RecipeError
    from bioclip_x.taxonomy import normalise_rank

    if normalise_rank(rank) not in taxonomy.rank_names[1:]:
        known = ", ".join(filter(None, taxonomy.rank_names)) or "none"
        raise RecipeError(f"the tree uses no rank {rank!r}; it has: {known}")
    return normalise_rank(rank)


def _find_taxon(taxonomy: Taxonomy, name: str) -> int:
    """Finds the taxon of this name. Raises RecipeError if there is none or several."""
    from bioclip_x.errors import RecipeError
    from bioclip_x.taxonomy.ancestors import format_path
    from bioclip_x.taxonomy.names.resolver import Resolver

    nodes = Resolver(taxonomy).find(name).nodes
    if not nodes:
        raise RecipeError(f"the tree has no taxon {name!r}")
    if len(nodes) > 1:
        paths = list_some([format_path(taxonomy, node) for node in nodes])
        raise RecipeError(f"{name!r} is the name of {len(nodes)} taxa; give the path ('Animalia; {name}'): {paths}")
    return nodes[0]


def _iterate_summary(taxonomy: Taxonomy, top: int) -> Iterator[RenderableType]:
    """Yields a table of counts per rank of the taxa below `top`, other counts, and the notes."""
    from rich.table import Table
    from rich.text import Text

    from bioclip_x.taxonomy.summary import summarise

    below = range(int(taxonomy.leaf_start_N[top]), int(taxonomy.leaf_stop_N[top]))
    summary = summarise(restrict(taxonomy, below) if top else taxonomy)
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("rank")
    for heading in ("taxa", "lineages without", "classes"):
        table.add_column(heading, justify="right")
    for one in summary.ranks:
        numbers = (f"{count:,}" if count else "–" for count in (one.taxa, one.holes, one.classes))
        table.add_row(make_safe_text(one.rank or "(no rank)"), *numbers)
    table.add_row(
        Text("all" if not top else "all, with ancestors", "bold"), f"{summary.taxa:,}", "", f"{summary.classes:,}"
    )
    yield Text()
    yield table
    yield Text()
    inner = f", {summary.inner:,} of them with others below" if summary.inner else ""
    lines = {
        "classes": f"{summary.classes:,}{inner}",
        "depth": f"{pluralise(summary.depth, 'level')}, {pluralise(summary.tops, 'top')}",
        "common names": _format_counts(summary.common_names),
        "synonyms": f"{summary.synonyms:,}" if summary.synonyms else "",
        "authors": f"{summary.authors:,}" if summary.authors else "",
        "ids": _format_counts(summary.ids),
        "source": taxonomy.source,
        "fingerprint": taxonomy.fingerprint,
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines.items():
        if text:
            grid.add_row(label, make_safe_text(text))
    for note in taxonomy.notes:
        grid.add_row("note", make_safe_text(note, "yellow"))
    yield grid


def _format_counts(numbers: Any) -> str:
    return list_some([f"{key} {count:,}" for key, count in numbers.items()], most=12)
