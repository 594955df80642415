"""`bioclip-x embed`: computes embeddings of images, of texts, or of a taxonomy's classes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import (
    make_recipe_flags,
    output_option,
    plugin_option,
    quiet_option,
    recipe_option,
    resume_option,
)
from bioclip_x.cli.outputs.collisions import check_outputs, list_recipe_files
from bioclip_x.cli.outputs.notes import print_note
from bioclip_x.cli.ray_flags import RayFlags, add_ray_options, run
from bioclip_x.cli.render.terminal import echo
from bioclip_x.embed.files import BINARY, FORMATS, format_provenance, open_embeddings
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.encodings import open_utf8_stdin
from bioclip_x.io.labels import read_labels
from bioclip_x.io.storage.replacement import is_written_in_place
from bioclip_x.io.storage.streams import escape_surrogates, refuse_terminal
from bioclip_x.messages import escape_controls, pluralise
from bioclip_x.records.embedding import CLASS_FIELDS, IMAGE_FIELDS, MODEL_FIELDS

if TYPE_CHECKING:
    from bioclip_x.embed.embedder import Embedded, Embedder
    from bioclip_x.images.places.folders import LeftOut
    from bioclip_x.progress import Progress
    from bioclip_x.recipe import Recipe
    from bioclip_x.records import Embedding, EmbeddingProvenance


@click.command(name="embed", params=make_recipe_flags(*MODEL_FIELDS, *IMAGE_FIELDS, *CLASS_FIELDS))
@click.argument("images", nargs=-1)
@click.option("--texts", metavar="A,B,…|FILE|-", help="Embed these texts unchanged; a file or stdin has one per line.")
@click.option(
    "--normalise/--no-normalise",
    default=True,
    show_default=True,
    help="Vectors of unit length, or as the model returns them.",
)
@plugin_option
@recipe_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="[default: by the suffix of --output, else json]",
)
@output_option
@resume_option
@add_ray_options
@quiet_option
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
    resume: bool,
    ray: RayFlags | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Embed IMAGES (files, folders, globs, URLs, tables of these, or - for paths on stdin), texts, or the texts of classes.

    \b
    bioclip-x embed photos/ --output photos.npz
    bioclip-x embed --texts "a red fox,a gray wolf" --format csv
    bioclip-x embed --taxonomy my-species.csv --text taxonomic --text common --output names.parquet

    While a file is being written, what is done is in FILE.journal, from which --resume continues.
    """  # fmt: skip
    if resume and not ray and (output is None or is_written_in_place(output)):
        raise RecipeError("--resume needs --output FILE: only a file can be continued")
    inputs = {"--recipe": recipe, "--plugin": plugins, "--labels": fields["labels"], "--texts": texts}
    if fields["labels"] is not None:
        fields["labels"] = read_labels(fields["labels"])
    check_one_kind(images, texts, fields, has_recipe=recipe is not None or bool(plugins))
    if ray:
        check_ray_request(images, format_)
    format_ = "parquet" if ray else format_ or find_format(output)
    if format_ in BINARY and not ray:
        refuse_terminal(output, format_)
    warnings.filterwarnings("ignore", module="PIL")
    names = registry.load(plugins)

    from bioclip_x.cli.recipe_flags import resolve

    resolved, notes = resolve(registry, file=recipe, plugins=names, flags=fields)
    check_outputs({"--output": output}, inputs, recipe_files=list_recipe_files(registry, resolved), images=images)
    if ray:
        from bioclip_x.distributed.jobs import EmbedJob

        failed = run(EmbedJob(registry, resolved, normalise, tuple(notes)), "embed", images, ray, quiet=quiet)
    else:
        failed = embed_all(
            Request(resolved, registry, images, texts, normalise, tuple(notes)),
            format_,
            output,
            resume=resume,
            quiet=quiet,
        )
    if failed:
        if not quiet:
            click.echo(f"{pluralise(failed, 'image')} could not be embedded; the output has the reasons", err=True)
        sys.exit(1)


@dataclass(frozen=True)
class Request:
    """What is to be embedded: images, else texts, else the recipe's classes. notes: on the recipe."""

    recipe: Recipe
    registry: Registry
    images: tuple[str, ...]
    texts: str | None
    normalise: bool
    notes: tuple[str, ...]


def embed_all(request: Request, format_: str, output: Path | None, *, resume: bool, quiet: bool) -> int:
    """Embeds and writes the output. Returns the number of images without a vector."""
    from bioclip_x.embed.embedder import Embedder
    from bioclip_x.embed.resume import write_embeddings
    from bioclip_x.images.counting import count_images
    from bioclip_x.images.places.folders import LeftOut
    from bioclip_x.progress import Progress

    images = request.images
    with Progress(enabled=not quiet, images=output is not None or not sys.stdout.isatty()) as progress:
        left_out = LeftOut()
        embedder = Embedder(request.recipe, request.registry, normalise=request.normalise)
        embedded = start_embedding(embedder, images, request.texts, progress, left_out)
        provenance = replace(embedded.provenance, notes=(*request.notes, *embedded.provenance.notes))
        if not quiet:
            print_notes(provenance, bare=output is None and format_ == "csv")
        embedded = replace(embedded, provenance=provenance)
        count = partial(count_images, images, embedder.files)
        track = partial(progress.images, count=count) if images else iter
        if output is None or is_written_in_place(output):
            failed = stream_embeddings(embedded, format_, output, track)
        else:
            say = (lambda line: None) if quiet else partial(echo, err=True)
            failed = write_embeddings(embedded, format_, output, resume=resume, track=track, say=say)
    print_note(left_out.describe(), quiet=quiet)
    return failed


def stream_embeddings(
    embedded: Embedded, format_: str, output: Path | None, track: Callable[[Iterator[Embedding]], Iterator[Embedding]]
) -> int:
    """Writes rows to standard output, a pipe or a device as they are computed. Returns the number without a vector."""
    failed = 0
    with open_embeddings(format_, output, embedded.provenance) as writer:
        for row in track(embedded.rows):
            writer.write(row)
            failed += row.vector_D is None
    return failed


def print_notes(provenance: EmbeddingProvenance, *, bare: bool) -> None:
    """Prints notes on stderr; with `bare` also the provenance, as a CSV on stdout has no sidecar file for it."""
    demo = [f"{provenance.model}: {provenance.demo}"] if provenance.demo else []
    for note in (*demo, *provenance.notes):
        click.echo(f"note: {escape_controls(note)}", err=True)
    if bare:
        echo(f"provenance: {format_provenance(provenance)}", err=True)


def start_embedding(
    embedder: Embedder, images: tuple[str, ...], texts: str | None, progress: Progress, left_out: LeftOut
) -> Embedded:
    """Starts embedding images, texts or classes, whichever is given. left_out: see `Classifier.classify`."""
    if images:
        return embedder.images(images, stdin=open_utf8_stdin(), left_out=left_out)
    if texts is not None:
        return embedder.texts(read_texts(texts), progress.texts)
    return embedder.classes(progress.texts)


def check_ray_request(images: tuple[str, ...], format_: str | None) -> None:
    """Raises RecipeError unless images are to be embedded into Parquet files."""
    if not images:
        raise RecipeError("--engine ray embeds images; texts and classes are embedded without it")
    if format_ not in (None, "parquet"):
        raise RecipeError(f"--engine ray writes Parquet files; leave out --format {format_}")


def check_one_kind(images: tuple[str, ...], texts: str | None, fields: Mapping[str, Any], *, has_recipe: bool) -> None:
    """Raises RecipeError unless exactly one of images, texts and classes is given. A recipe or plugin alone means classes."""
    classes = [f"--{name.replace('_', '-')}" for name in CLASS_FIELDS if fields[name] is not None]
    kinds = [*(["IMAGES"] if images else []), *(["--texts"] if texts is not None else []), *classes[:1]]
    if not kinds and not has_recipe:
        raise RecipeError(
            'expected what to embed: IMAGES, --texts "a red fox,a gray wolf", or classes (--taxonomy FILE, --labels, --text)'
        )
    if len(kinds) > 1:
        raise RecipeError(f"{kinds[0]} and {kinds[1]} were both given; embed images, texts or classes, one at a time")


def find_format(output: Path | None) -> str:
    """Returns the format of a file's suffix, json for standard output. Raises RecipeError, with a list, if unknown."""
    if output is None:
        return "json"
    for name, suffixes in FORMATS.items():
        if output.suffix.lower() in suffixes:
            return name
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise RecipeError(
        f"--output {output}: there is no format for {output.suffix or 'files without suffix'}; known: {known}"
    )


def read_texts(texts: str) -> tuple[str, ...]:
    """Reads texts: `"a,b,c"`, a file with one per line, or - for standard input, one per line."""
    if texts != "-":
        return read_labels(texts, "--texts")
    lines = tuple(line.strip() for line in open_utf8_stdin() if line.strip())
    if not lines:
        raise RecipeError("--texts -: standard input is empty")
    if invalid := next((text for text in lines if escape_surrogates(text) != text), None):
        raise RecipeError(f"--texts -: {escape_surrogates(invalid)!r} is not valid utf-8")
    return lines
