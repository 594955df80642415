"""`bioclip-x dataset build`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from bioclip_x.cli.flags import plugin_option, quiet_option
from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.render.terminal import echo
from bioclip_x.cli.train import parse_changes
from bioclip_x.hooks.registry import Registry

STAGES = ("names", "images", "duplicates", "shards")


@click.command(name="build")
@click.argument("config", type=PathName())
@plugin_option
@click.option("--output", type=PathName(), help="Folder of the data set; overrides the configuration.")
@click.option("--until", type=click.Choice(STAGES), default=STAGES[-1], show_default=True, help="The last stage.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the configuration (workers=8, images.size=224). Repeatable.",
)
@quiet_option
@click.pass_obj
def build(
    registry: Registry,
    config: Path,
    plugins: tuple[str, ...],
    output: Path | None,
    until: str,
    changes: tuple[str, ...],
    quiet: bool,
) -> None:
    """Build the data set that CONFIG (YAML) describes. The same command goes on with an interrupted build.

    \b
    bioclip-x dataset build park.yaml --until names      resolve the names, and write review.csv
    bioclip-x dataset build park.yaml                    read the images, and write shards, catalogue and data card
    """  # fmt: skip
    from bioclip_x.dataset.build import build_dataset
    from bioclip_x.dataset.config import read_config
    from bioclip_x.progress import Progress

    fields: dict[str, Any] = parse_changes(changes)
    fields |= {"output": str(output.resolve())} if output else {}
    settings = read_config(config, fields)
    own = [str(settings.path(Path(name)).resolve()) if name.endswith(".py") else name for name in settings.plugins]
    registry.load((*own, *plugins))

    def say(note: str) -> None:
        if not quiet:
            echo(f"note: {note}", err=True)

    with Progress(enabled=not quiet) as progress:
        counts = build_dataset(settings, registry, progress, say, until)
    for line in format_counts(counts):
        echo(line)
    echo(settings.path(settings.output))


def format_counts(counts: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of a table: of the images by outcome, or of the names by source where no image was read."""
    if "outcomes" in counts:
        yield from (f"{outcome:12} {count:>12,}" for outcome, count in counts["outcomes"].items() if count)
        return
    sums: Counter[tuple[str, str, str]] = Counter()
    for one in counts.get("names", ()):
        for unit in ("names", "images"):
            sums[one["source"], one["status"], unit] += one[unit]
    width = max((len(source) for source, *_ in sums), default=0)
    if sums:
        yield f"{'':{width}} {'':10} {'names':>12} {'images':>12}"
    for source, status in dict.fromkeys((source, status) for source, status, _ in sums):
        names, images = (sums[source, status, unit] for unit in ("names", "images"))
        yield f"{source:{width}} {status:10} {names:>12,} {images:>12,}"
