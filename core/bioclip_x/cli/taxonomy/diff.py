"""`bioclip-x taxonomy diff`: lists the changes between two trees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import safe_csv_option
from bioclip_x.cli.option_types import PathName, WholeNumbers
from bioclip_x.cli.outputs.collisions import check_outputs
from bioclip_x.cli.render.terminal import make_safe_text, open_printer
from bioclip_x.cli.taxonomy.source import add_reading_options, read_file
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.delimited import format_rows

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bioclip_x.cli.render.documents import ComparedTaxonomyDocument
    from bioclip_x.taxonomy import Taxonomy
    from bioclip_x.taxonomy.editing.diff import Change, Difference

COLUMNS = ("change", "old_rank", "old_name", "new_rank", "new_name", "old_path", "new_path", "old_line", "new_line")
IN_WORDS = {
    "renamed": "the old name is a synonym of the new one, or the reverse",
    "lumped": "the old name is a synonym of a taxon that existed before",
    "split": "the new name was a synonym of a taxon that still exists",
    "rank changed": "same name, another rank",
    "moved": "same rank and name, another parent",
    "removed": "in the old tree only",
    "added": "in the new tree only",
}


@click.command(short_help="what changed from one tree to another")
@click.argument("old", type=PathName())
@click.argument("new", type=PathName())
@add_reading_options
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json"]),
    help="[default: table, or the suffix of --output]",
)
@click.option(
    "--most",
    type=WholeNumbers(),
    default=20,
    show_default=True,
    help="Changes of each kind shown in the table; 0 for all. CSV and JSON have all.",
)
@click.option("--output", type=PathName(dir_okay=False), help="Write to this file instead of stdout.")
@safe_csv_option
@click.pass_obj
def diff(
    registry: Registry,
    /,
    old: Path,
    new: Path,
    format_: str | None,
    most: int,
    output: Path | None,
    safe_csv: bool,
    **reading: Any,
) -> None:
    """Compare two trees: taxa added, removed, moved, renamed by synonym, lumped, split, or changed in rank.

    \b
    bioclip-x taxonomy diff checklist-2023.csv checklist-2024.csv
    bioclip-x taxonomy diff old.csv new.zip --output changes.csv

    Homonyms are distinguished by their paths. Descendants of a moved taxon do not count as moved.
    """  # fmt: skip
    from bioclip_x.io.storage.streams import open_output
    from bioclip_x.taxonomy.editing.diff import compare_taxonomies

    check_outputs({"--output": output}, {"OLD": old, "NEW": new})
    trees = read_file(registry, old, **reading), read_file(registry, new, **reading)
    difference = compare_taxonomies(*trees)
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    chosen = format_ or (suffix if suffix in ("csv", "json") else "table")
    if chosen == "table":
        with open_printer(output) as put:
            for block in _iterate_blocks(difference, *trees, most):
                put(block)
        return
    with open_output(output) as stream:
        pieces = _iterate_csv(difference, *trees, safe_csv) if chosen == "csv" else _iterate_json(difference, *trees)
        for piece in pieces:
            stream.write(piece)


def _make_row(change: Change, old: Taxonomy, new: Taxonomy) -> dict[str, str | int]:
    from bioclip_x.taxonomy.tree import TAXON

    row: dict[str, str | int] = dict.fromkeys(COLUMNS, "")
    row["change"] = change.kind
    for which, tree, node in (("old", old, change.old), ("new", new, change.new)):
        if node is not None:
            row[f"{which}_rank"], row[f"{which}_name"] = tree.rank(node), tree.names[node]
            row[f"{which}_path"] = "; ".join(tree.names[n] for n in tree.path(node) if tree.kind_N[n] == TAXON)
            row[f"{which}_line"] = "" if tree.line_N is None else int(tree.line_N[node]) or ""
    return row


def _iterate_csv(difference: Difference, old: Taxonomy, new: Taxonomy, safe: bool) -> Iterator[str]:
    rows = (list(_make_row(change, old, new).values()) for change in difference.changes)  # in the columns' order
    return format_rows(chain([COLUMNS], rows), safe=safe)


def _iterate_json(difference: Difference, old: Taxonomy, new: Taxonomy) -> Iterator[str]:
    head = {
        "old": _describe_tree(old),
        "new": _describe_tree(new),
        "unchanged": difference.unchanged,
        "counts": difference.counts(),
    }
    yield json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}") + ',\n  "changes": ['
    comma = "\n"
    for change in difference.changes:
        row = {key: value for key, value in _make_row(change, old, new).items() if value != ""}
        yield f"{comma}    {json.dumps(row, ensure_ascii=False)}"
        comma = ",\n"
    yield "\n  ]\n}\n"


def _describe_tree(tree: Taxonomy) -> ComparedTaxonomyDocument:
    return {"source": tree.source, "fingerprint": tree.fingerprint, "classes": tree.n_classes}


def _iterate_blocks(difference: Difference, old: Taxonomy, new: Taxonomy, most: int) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    yield Text.assemble(
        make_safe_text(f"{old.source} → {new.source}", "bold"),
        f": {old.n_classes:,} → {new.n_classes:,} classes, {difference.unchanged:,} taxa unchanged",
    )
    for kind, count in difference.counts().items():
        if not count:
            continue
        yield Text.assemble("", (f"{kind}  {count:,}", "bold"), ("  " + IN_WORDS[kind], "dim"))
        table = Table.grid(padding=(0, 2))
        table.add_column(width=0)
        table.add_column(overflow="fold")
        changes = [change for change in difference.changes if change.kind == kind]
        for change in changes[: most or None]:
            table.add_row("", make_safe_text(_format_change(change, old, new)))
        if most and count > most:
            table.add_row("", Text(f"… and {count - most:,} more (--most 0 shows all)", "dim"))
        yield table


def _format_change(change: Change, old: Taxonomy, new: Taxonomy) -> str:
    """Formats a change in one line: the taxon before and after."""
    row = _make_row(change, old, new)
    was, now = f"{row['old_rank']} {row['old_name']}".strip(), f"{row['new_rank']} {row['new_name']}".strip()
    parents = {which: str(row[f"{which}_path"]).rpartition("; ")[0].replace("; ", " > ") for which in ("old", "new")}
    if change.kind == "moved":
        return f"{now}: {parents['old'] or 'top'} → {parents['new'] or 'top'}"
    if change.old is None or change.new is None:
        taxon = now or was
        path = parents["new" if change.old is None else "old"]
        return f"{taxon} ({path})" if path else taxon
    return f"{now} ← {was}" if change.kind == "split" else f"{was} → {now}"
