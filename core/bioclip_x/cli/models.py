"""`bioclip-x models`: lists models with a short name and their properties. Uses no network."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from bioclip_x.cli.flags import components_option, table_or_json_option
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import ModelError
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import escape_controls
from bioclip_x.records import KnownModel

IN_WORDS = {"shortest": "short side, then the middle", "squash": "both sides squashed", "longest": "long side, padded"}


@click.command(name="models")
@click.argument("name", required=False)
@components_option
@table_or_json_option
@click.pass_obj
def command(registry: Registry, name: str | None, format_: str) -> None:
    """List models with a short name; with NAME, show the properties of one and their sources.

    \b
    bioclip-x models
    bioclip-x models bioclip-2
    bioclip-x models --format json
    """  # fmt: skip
    from bioclip_x.models import list_known_models

    known = list_known_models(registry)
    chosen = [model for model in known if name in (None, model.name)]
    if not chosen:
        names = ", ".join(model.name for model in known)
        raise ModelError(f"no model has the short name {name!r}; known: {names}")
    if format_ == "json":
        document = [asdict(model) for model in chosen]
        echo(json.dumps(document if name is None else document[0], indent=2, ensure_ascii=False))
    elif name is None:
        _print_list(chosen)
    else:
        _print_model(chosen[0])


def _print_list(models: Sequence[KnownModel]) -> None:
    """Prints a table that fits into 80 columns, and a description of each model."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), show_header=True, header_style="bold")
    for column in ("model", "architecture", "D", "images", "licence", "here"):
        table.add_column(column, justify="right" if column == "D" else "left", no_wrap=True)
    for model in models:
        images = f"{model.image_size} px, {model.resize}"
        here = "yes" if model.is_cached else "no"
        cells = (model.name, model.architecture, str(model.dim), images, model.licence, here)
        table.add_row(*map(escape_controls, cells))
    _print_table(table)
    click.echo()
    for model in models:
        classes = (
            f"brings {model.classes}" if model.classes else "brings no list of classes: give --taxonomy or --labels"
        )
        missing = " (not downloaded yet)" if model.classes_cached is False else ""
        echo(_wrap(f"{model.name}: {model.summary}; {classes}{missing}"))
    echo("\nhere: whether the weights are on this machine, else downloaded at first use.")
    echo("`bioclip-x models NAME` shows the properties of a model and their sources.")


def _print_model(model: KnownModel) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("model", escape_controls(model.name))
    table.add_row("here", _describe_presence(model))
    table.add_row("images", f"{model.image_size} px, {escape_controls(IN_WORDS.get(model.resize, model.resize))}")
    table.add_row("dim", str(model.dim))
    for key, value in _iterate_rows(model.facts):
        if value and key not in ("dim", "image.size", "image.resize"):
            table.add_row(escape_controls(key), escape_controls(value, keep="\n"))
    _print_table(table)
    sources = model.facts.get("sources")
    for topic, url in sources.items() if isinstance(sources, Mapping) else ():
        echo(f"source of {topic}: {url}")


def _describe_presence(model: KnownModel) -> str:
    weights = "weights: yes" if model.is_cached else "weights: no"
    if model.classes_cached is None:
        return weights
    return f"{weights} · names and their embeddings: {'yes' if model.classes_cached else 'no'}"


def _iterate_rows(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if key == "sources":
            continue  # printed below the table, which would break URLs
        if isinstance(value, Mapping):
            yield from _iterate_rows(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            separator = "\n" if any(len(str(item)) > 40 for item in value) else ", "
            yield f"{prefix}{key}", separator.join(map(str, value))
        else:
            yield f"{prefix}{key}", str(value)


def _wrap(text: str) -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False)


def _print_table(table: Any) -> None:
    from rich.console import Console

    Console(highlight=False, markup=False, soft_wrap=False).print(table)
