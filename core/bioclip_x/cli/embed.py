"""`bioclip-x embed`: embeddings of images, of texts, or of a taxonomy's classes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.classify import read_labels
from bioclip_x.cli.flags import make_recipe_flags, plugin_option
from bioclip_x.embed.files import BINARY, FORMATS, format_provenance, open_embeddings
from bioclip_x.errors import RecipeError
from bioclip_x.io.encodings import open_utf8_stdin
from bioclip_x.io.streams import escape_surrogates, refuse_terminal
from bioclip_x.messages import escape_controls
from bioclip_x.records.embedding import CLASS_FIELDS, MODEL_FIELDS, IMAGE_FIELDS
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.cli.render.progress import Progress
    from bioclip_x.embed.embedder import Embedded, Embedder
    from bioclip_x.records import Embedding, EmbeddingProvenance


@click.command(name="embed", params=make_recipe_flags(*MODEL_FIELDS, *IMAGE_FIELDS, *CLASS_FIELDS))
@click.argument("images", nargs=-1)
@click.option(
    "--texts", metavar="A,B,…|FILE|-", help="Embed these texts as they stand; in a file, or on stdin, one a line."
)
@click.option(
    "--normalise/--no-normalise",
    default=True,
    show_default=True,
    help="Vectors of length 1, or as the model gives them.",
)
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="[default: json, or what the suffix of --output says]",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: tuple[str, ...],
    texts: str | None,
    normalise: bool,
    plugins: tuple[str, ...],
    recipe: Path | None,
    format_: str | None,
    output: Path | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Embed IMAGES (files, folders, globs, or - for paths on stdin), texts, or the texts of classes.

    \b
    bioclip-x embed photos/ --output photos.npz
    bioclip-x embed --texts "a red fox,a gray wolf" --format csv
    bioclip-x embed --taxonomy my-species.csv --text taxonomic --text common --output names.parquet
    """  # fmt: skip
    fields["labels"] = read_labels(fields["labels"])
    refuse_mixtures(images, texts, fields, has_recipe=recipe is not None or bool(plugins))
    format_ = format_ or format_of(output)
    if format_ in BINARY:
        refuse_terminal(output, format_)
    warnings.filterwarnings("ignore", module="PIL")
    names = registry.load(plugins)

    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.cli.render.progress import Progress
    from bioclip_x.embed.embedder import Embedder

    resolved, told = resolve(registry, file=recipe, plugins=names, flags=fields)
    with Progress(enabled=not quiet, pictures=output is not None or not sys.stdout.isatty()) as progress:
        embedded = start(Embedder(resolved, registry, normalise=normalise), images, texts, progress)
        provenance = replace(embedded.provenance, notes=(*told, *embedded.provenance.notes))
        if not quiet:
            tell(provenance, bare=output is None and format_ == "csv")
        with open_embeddings(format_, output, provenance) as writer:
            failed = Failures(embedded.rows)
            for row in progress.pictures(failed) if images else failed:
                writer.write(row)
    if failed.count:
        if not quiet:
            click.echo(f"{failed.count} image(s) could not be embedded; each is named in the output", err=True)
        sys.exit(1)


def tell(provenance: EmbeddingProvenance, *, bare: bool) -> None:
    """Notes on stderr; with `bare` the whole provenance, since a CSV on stdout has no sidecar file to hold it."""
    demo = [f"{provenance.model}: {provenance.demo}"] if provenance.demo else []
    for note in (*demo, *provenance.notes):
        click.echo(f"note: {escape_controls(note)}", err=True)
    if bare:
        click.echo(f"provenance: {format_provenance(provenance)}", err=True)


def start(embedder: Embedder, images: tuple[str, ...], texts: str | None, progress: Progress) -> Embedded:
    """Images, texts or classes, as was asked."""
    if images:
        return embedder.pictures(images, stdin=open_utf8_stdin())
    if texts is not None:
        return embedder.texts(read_texts(texts), progress.texts)
    return embedder.classes(progress.texts)


class Failures:
    """Rows, and how many of them have no vector."""

    def __init__(self, rows: Iterable[Embedding]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Embedding]:
        for row in self._rows:
            self.count += row.vector_D is None
            yield row


def refuse_mixtures(images: tuple[str, ...], texts: str | None, fields: Mapping[str, Any], *, has_recipe: bool) -> None:
    """Raises RecipeError unless just one kind of thing is to be embedded. A recipe or plugin alone stands for its classes."""
    classes = [f"--{name.replace('_', '-')}" for name in CLASS_FIELDS if fields[name] is not None]
    kinds = [*(["IMAGES"] if images else []), *(["--texts"] if texts is not None else []), *classes[:1]]
    if not kinds and not has_recipe:
        raise RecipeError(
            'expected what to embed: IMAGES, --texts "a red fox,a gray wolf", or classes (--taxonomy FILE, --labels, --text)'
        )
    if len(kinds) > 1:
        raise RecipeError(f"{kinds[0]} and {kinds[1]} were both given; embed images, texts or classes, one at a time")


def format_of(output: Path | None) -> str:
    """The format whose suffix a file has, json for standard output. Raises RecipeError listing the known."""
    if output is None:
        return "json"
    for name, suffixes in FORMATS.items():
        if output.suffix.lower() in suffixes:
            return name
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise RecipeError(
        f"--output {output}: no embeddings are written for {output.suffix or 'no suffix'}; known: {known}"
    )


def read_texts(texts: str) -> tuple[str, ...]:
    """`"a,b,c"`, a file with one text a line, or - for standard input, one a line."""
    if texts != "-":
        return read_labels(texts, "--texts") or ()
    found = tuple(line.strip() for line in open_utf8_stdin() if line.strip())
    if not found:
        raise RecipeError("--texts -: no text came on standard input")
    if odd := next((text for text in found if escape_surrogates(text) != text), None):
        raise RecipeError(f"--texts -: {escape_surrogates(odd)!r} is not valid utf-8")
    return found
