"""Flags that several subcommands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

plugin_option = click.option(
    "--plugin", "plugins", multiple=True, metavar="NAME|MODULE|FILE.py",
    help="Switch a plugin on: an installed one, a module, or a file. Repeatable; their recipes compose.",
)  # fmt: skip

table_or_json_option = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="For people, or for programs.",
)  # fmt: skip


def _or_none(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """A flag that is not given is None, so that it overrides nothing."""
    return values or None


_RECIPE = [
    click.option("--model", metavar="M",
                 help="An alias (field-guide, bioclip-2, …), NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION] or local-dir:PATH."),
    click.option("--preprocess", type=click.Choice(["model", "pybioclip"]),
                 help="Resize pictures as the model's configuration says, or as pybioclip does.  [default: model]"),
    click.option("--taxonomy", type=click.Path(path_type=Path), metavar="FILE", help="The classes: CSV, TSV, YAML or JSON."),
    click.option("--taxonomy-format", metavar="NAME", help="Its reader; by default seen from the content."),
    click.option("--labels", metavar="A,B,…|FILE", help="Plain labels instead of a taxonomy; in a file one a line."),
    click.option("--subset", multiple=True, metavar="PART", callback=_or_none,
                 help="A part of the classes: class=Insecta, genus=Quercus,Fagus, family!=Apidae (without), a name, or a file of "
                      "names. Repeatable."),
    click.option("--text", multiple=True, metavar="T", help="Text builder (taxonomic, common, descriptors, …). Repeatable."),
    click.option("--language", metavar="L", help="Language of common names (en, de, …)."),
    click.option("--descriptors", type=click.Path(path_type=Path), metavar="FILE", help="Descriptors: our YAML, or CBD's JSON."),
    click.option("--missing", type=click.Choice(["name", "error"]), help="A class without descriptors: use its name, or refuse."),
    click.option("--background", type=click.Choice(["on", "off", "only"]),
                 help="Descriptors of where an organism is found: beside those of itself, not at all, or alone.  [default: off]"),
    click.option("--inherit", is_flag=True, default=None,
                 help="Descriptors of the taxa above a class count for it too; each level half as much as the one below."),
    click.option("--pooling", type=click.Choice(["mean", "ensemble", "max"]), help="How a class's texts are pooled."),
    click.option("--scorer", metavar="S", help="Features to class scores (text)."),
    click.option("--adjust", multiple=True, metavar="A", callback=_or_none,
                 help="What is added to class scores (species-list:park.csv). Repeatable."),
    click.option("--head", metavar="H", help="Class scores to a decision (flat, rollup)."),
    click.option("--rank", metavar="R", help="Report at this rank (family, …)."),
    click.option("--depth", type=click.Choice(["auto"]),
                 help="Name each picture as deep down the tree as --accuracy allows; see `bioclip-x calibrate`."),
    click.option("--accuracy", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="A",
                 help="The part of the names that --depth auto has right.  [default: 0.95]"),
    click.option("--calibration", metavar="FILE|auto|none",
                 help="What `bioclip-x calibrate` wrote; auto takes the one it kept for just this model, list and texts.  "
                      "[default: auto]"),
    click.option("--report-as", type=click.Path(path_type=Path), metavar="FILE",
                 help="Report under the names and lineages of another taxonomy."),
    click.option("--k", type=click.IntRange(min=1), help="Predictions per picture.  [default: 5]"),
    click.option("--why-not", metavar="NAME", help="Explain why not this taxon, of any rank, in place of the second best."),
    click.option("--explain/--no-explain", default=None, help="Whether names are explained.  [default: explain]"),
    click.option("--heat-maps", is_flag=True, default=None,
                 help="Show where in the picture each text's similarity comes from (vision transformers)."),
    click.option("--encoder", metavar="E", help="The family of models (open_clip)."),
    click.option("--device", metavar="D", help="auto, cpu, cuda, mps."),
    click.option("--bank-precision", type=click.Choice(["fp32", "fp16"]), help="Of embedded texts: fp16 takes half the memory."),
    click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), help="auto: fp16 on a GPU, else fp32."),
    click.option("--batch-size", type=click.IntRange(min=1), help="Pictures per batch."),
    click.option("--workers", type=click.IntRange(min=1), help="Threads that decode pictures."),
]  # fmt: skip


def recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds one flag per field of the recipe, and what is short for options of texts; a flag that is not given is None."""
    for option in reversed(_RECIPE):
        function = option(function)
    return function


def recipe_flags(*fields: str) -> list[click.Parameter]:
    """The flags of some fields of the recipe, for a command that uses no others."""
    every = click.command()(recipe_options(lambda: None))
    return [flag for flag in every.params if flag.name in fields]
