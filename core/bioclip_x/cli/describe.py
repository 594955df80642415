"""`bioclip-x describe`: descriptors of every class of a taxonomy, written by a language model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bioclip_x.cli.options import plugin_option
from bioclip_x.errors import RecipeError
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.components import LanguageModel
    from bioclip_x.pipeline.describe import Progress
    from bioclip_x.pipeline.questions import CalledBy, Question
    from bioclip_x.taxonomy import Taxonomy

SHOWN = 3
"""Prompts that --dry-run prints."""


@click.command(name="describe")
@click.argument("taxonomy", required=False, type=click.Path(path_type=Path))
@click.option("--taxonomy-format", metavar="NAME", help="Its reader; by default seen from the content.")
@click.option("--labels", metavar="A,B,…|FILE", help="Plain labels instead of a taxonomy.")
@click.option("--llm", metavar="L", help="The language model: openai:model=gpt-4o-mini, with its options.")
@click.option("--base-url", metavar="URL", help="Its server, up to and with /v1; else OPENAI_BASE_URL, else OpenAI's.")
@click.option("--prompt", default="cbd", show_default=True, metavar="P", help="A built-in prompt, or a file (.yaml).")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The descriptor file (YAML)."
)
@click.option(
    "--name",
    "called_by",
    type=click.Choice(["common", "scientific"]),
    default="common",
    show_default=True,
    help="What the prompt calls a class.",
)
@click.option("--language", metavar="L", help="Language of the common names.  [default: en]")
@click.option("--retry-unusable", is_flag=True, help="Ask again where the kept answer was of no use.")
@click.option("--dry-run", is_flag=True, help="Print the first prompts and their number, and ask nothing.")
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@plugin_option
@click.pass_context
def command(
    ctx: click.Context,
    taxonomy: Path | None,
    taxonomy_format: str | None,
    labels: str | None,
    llm: str | None,
    base_url: str | None,
    prompt: str,
    output: Path | None,
    called_by: CalledBy,
    language: str | None,
    retry_unusable: bool,
    dry_run: bool,
    quiet: bool,
    plugins: tuple[str, ...],
) -> None:
    """Write descriptors of every class of TAXONOMY with a language model.

    \b
    bioclip-x describe birds.csv --llm openai:model=gpt-4o-mini --output birds.yaml
    bioclip-x describe birds.csv --llm openai:model=llama3 --base-url http://localhost:11434/v1 --output birds.yaml

    The key is read from OPENAI_API_KEY. Answers are kept in FILE.answers.jsonl as they come, and a run that was stopped
    goes on from there. Exit status 1: some answers were of no use; their classes are empty, and named.
    """  # fmt: skip
    from bioclip_x.pipeline.questions import questions
    from bioclip_x.prompts.templates import load_template
    from bioclip_x.settings import load_settings

    language = language or load_settings().values.get("language", "en")
    registry: Registry = ctx.obj
    registry.load(plugins)
    template = load_template(prompt)
    tree = _tree(registry, taxonomy, taxonomy_format, labels)
    asked, notes = questions(tree, template, called_by=called_by, language=language)
    if dry_run:
        _show(asked)
        return
    if llm is None or output is None:
        raise RecipeError("expected --llm (openai:model=gpt-4o-mini, say) and --output FILE; or --dry-run")

    from bioclip_x.pipeline.describe import describe

    about = {"named": called_by, "language": language}
    with closing(_model(registry, llm, base_url)) as model, _progress(quiet) as progress:
        written = describe(
            asked, template, model, output, about=about, notes=(*tree.notes, *notes), retry_unusable=retry_unusable,
            progress=progress, say=lambda line: click.echo(f"note: {line}", err=True),
        )  # fmt: skip
    for note in () if quiet else written.notes:
        click.echo(f"note: {note}", err=True)
    empty = len(written.empty_classes)
    click.echo(f"{len(asked) - empty} of {len(asked)} classes described in {output}", err=True)
    ctx.exit(1 if empty else 0)


def _tree(registry: Registry, file: Path | None, format_: str | None, labels: str | None) -> Taxonomy:
    from bioclip_x.cli.classify import read_labels
    from bioclip_x.pipeline.taxonomies import read_taxonomy
    from bioclip_x.taxonomy import Taxonomy

    named = read_labels(labels)
    if file is not None and named is None:
        return read_taxonomy(registry, file, format_)
    if file is None and named is not None:
        return Taxonomy.from_labels(named)
    raise RecipeError('expected the classes: either a TAXONOMY file or --labels "red fox,gray wolf"')


def _model(registry: Registry, llm: str, base_url: str | None) -> LanguageModel:
    from bioclip_x.options import parse_ref

    ref = parse_ref(llm)
    options = dict(ref.options)
    if base_url is not None and options.setdefault("base_url", base_url) != base_url:
        raise RecipeError("--llm and --base-url name different servers; give one")
    model: LanguageModel = registry.make("language_models", ref.name, options)
    return model


def _show(asked: tuple[Question, ...]) -> None:
    for question in asked[:SHOWN]:
        click.echo(f"--- {question.key}\n{question.prompt}\n")
    rest = f"; the first {SHOWN} are shown" if len(asked) > SHOWN else ""
    click.echo(f"{len(asked)} prompts, one a class{rest}")


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar on stderr, where that is a terminal; and a word on how to go on after Ctrl-C."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("classes described", total=None)
        try:
            yield lambda done, total: bar.update(task, completed=done, total=total)
        except KeyboardInterrupt:
            click.echo("stopped; the answers so far are kept, and the same command goes on from there", err=True)
            raise
