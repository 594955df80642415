"""The option of `bioclip-x evaluate` for the probe of word order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.storage.streams import open_output

if TYPE_CHECKING:
    from bioclip_x.hooks.components import Dataset
    from bioclip_x.recipe import Recipe


def probe(
    registry: Registry,
    recipes: Sequence[Recipe],
    dataset: Dataset,
    source: str,
    notes: Sequence[str],
    format_: str,
    output: Path | None,
    quiet: bool,
    draws: int | None,
) -> None:
    """Probes, and writes the results. notes: on the user's settings. Raises RecipeError for several recipes."""
    from bioclip_x.cli.render.word_order import print_notes, write
    from bioclip_x.evaluation.word_order.probe import DRAWS, probe_word_order
    from bioclip_x.progress import Progress

    if len(recipes) > 1:
        raise RecipeError("--probe and --compare cannot be combined; run it once for each choice of texts")
    with open_output(output, styled=format_ == "table") as stream:
        with Progress(enabled=not quiet) as progress:
            found = probe_word_order(
                registry,
                recipes[0],
                dataset,
                source,
                draws=draws or DRAWS,
                texts=progress.texts,
                labelled=progress.labelled,
            )
        if not quiet:
            print_notes(found, notes)
        write(found, format_, stream)
