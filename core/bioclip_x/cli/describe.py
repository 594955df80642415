"""`bioclip-x describe`: descriptors of every class of a taxonomy, written by a language model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import plugin_option, table_or_json_option
from bioclip_x.cli.render.description import Prices, TableOrJson, format_dry_run, format_outcome, print_findings
from bioclip_x.errors import RecipeError
from bioclip_x.registry import Registry
from bioclip_x.taxonomy.builder import from_labels

if TYPE_CHECKING:
    from bioclip_x.components import LanguageModel
    from bioclip_x.describe.questions import CalledBy
    from bioclip_x.describe.run import Progress
    from bioclip_x.prompts.llm_prompts import PromptTemplate
    from bioclip_x.taxonomy import Taxonomy


@click.command(name="describe")
@click.argument("taxonomy", required=False, type=click.Path(path_type=Path))
@click.option("--taxonomy-format", metavar="NAME", help="Its reader; by default seen from the content.")
@click.option("--labels", metavar="A,B,…|FILE", help="Plain labels instead of a taxonomy.")
@click.option("--llm", metavar="L", help="The language model: openai:model=gpt-4o-mini, with its options.")
@click.option("--base-url", metavar="URL", help="Its server, up to and with /v1; else OPENAI_BASE_URL, else OpenAI's.")
@click.option(
    "--prompt",
    metavar="P",
    help="cbd, exemplar, exemplar-background, a plugin's, or a file (.yaml); exemplar:domain=birds chooses the exemplar.",
)
@click.option("--contrast", is_flag=True, help="Ask what tells each species from the others in its genus.")
@click.option(
    "--at", metavar="RANKS", help="Ask of every taxon at these ranks (genus,species); by default of the classes."
)
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
@click.option(
    "--concurrency",
    type=click.IntRange(min=1, max=1000),
    default=8,
    show_default=True,
    metavar="N",
    help="Requests in flight at once.",
)
@click.option(
    "--ask-again",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="How often to ask once more where an answer is of no use.",
)
@click.option("--retry-unusable", is_flag=True, help="Ask again also where earlier runs got no answer of use.")
@click.option("--price-in", type=click.FloatRange(min=0), metavar="P", help="Price of a million tokens sent.")
@click.option("--price-out", type=click.FloatRange(min=0), metavar="P", help="Price of a million tokens answered.")
@click.option(
    "--curate/--no-curate",
    "is_curated",
    default=True,
    show_default=True,
    help="Mend and drop what is no descriptor before it is written.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ask nothing; tell what curation finds in a descriptor file. With --output, write it curated.",
)
@table_or_json_option
@click.option("--dry-run", is_flag=True, help="Print the first prompts, their number and an estimate; ask nothing.")
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
    prompt: str | None,
    contrast: bool,
    at: str | None,
    output: Path | None,
    called_by: CalledBy,
    language: str | None,
    concurrency: int,
    ask_again: int,
    retry_unusable: bool,
    price_in: float | None,
    price_out: float | None,
    is_curated: bool,
    check: Path | None,
    format_: TableOrJson,
    dry_run: bool,
    quiet: bool,
    plugins: tuple[str, ...],
) -> None:
    """Write descriptors of every class of TAXONOMY with a language model.

    \b
    bioclip-x describe birds.csv --llm openai:model=gpt-4o-mini --output birds.yaml
    bioclip-x describe birds.csv --llm openai:model=llama3 --base-url http://localhost:11434/v1 --output birds.yaml
    bioclip-x describe birds.csv --prompt exemplar-background --at genus,species --contrast --dry-run
    bioclip-x describe birds.csv --check birds.yaml

    The key is read from OPENAI_API_KEY. ImagePredictions are kept in FILE.answers.jsonl as they come, and a run that was stopped
    goes on from there. Exit status 1: some answers were of no use; their classes are empty, and named.
    """  # fmt: skip
    from bioclip_x.describe.check import curate
    from bioclip_x.describe.estimate import estimate
    from bioclip_x.describe.questions import make_questions
    from bioclip_x.describe.run import describe, read_stored_answers
    from bioclip_x.settings import load_settings

    language = language or load_settings().values.get("language", "en")
    prices = Prices.of(price_in, price_out)
    registry: Registry = ctx.obj
    registry.load(plugins)
    if check is not None:
        if llm is not None:
            raise RecipeError("--check asks nothing, so it takes no --llm")
        tree = _tree(registry, taxonomy, taxonomy_format, labels) if taxonomy or labels else None
        ctx.exit(1 if print_findings(check, tree, language, output, format_) else 0)
    template = _template(registry, prompt or registry.required_default("prompts"))
    tree = _tree(registry, taxonomy, taxonomy_format, labels)
    ranks = [rank.strip() for rank in (at or "").split(",") if rank.strip()]
    asked, notes = make_questions(tree, template, called_by=called_by, language=language, at=ranks, contrast=contrast)
    model = _model(registry, llm, base_url) if llm else None
    known = read_stored_answers(asked, template, model, output) if model and output else {}
    ahead = estimate(asked, known, template.max_tokens)
    if dry_run:
        _say(notes, quiet)
        click.echo(format_dry_run(asked, ahead, prices))
        return
    if model is None or output is None:
        raise RecipeError("expected --llm (openai:model=gpt-4o-mini, say) and --output FILE; or --dry-run")
    if ahead.requests:
        _say([prices.of_estimate(ahead)], quiet)
    about = _about(template, called_by, language, ranks, contrast)
    with _progress(quiet) as progress:
        written = describe(
            asked, template, model, output, about=about, notes=(*tree.notes, *notes), concurrency=concurrency,
            ask_again=ask_again, retry_unusable=retry_unusable, progress=progress,
            curate=partial(curate, taxonomy=tree, language=language) if is_curated else None,
            say=lambda line: click.echo(f"note: {line}", err=True),
        )  # fmt: skip
    _say(written.notes, quiet)
    click.echo(format_outcome(asked, written, output, prices), err=True)
    ctx.exit(1 if written.empty_classes or "unusable" in written.provenance else 0)


def _about(
    template: PromptTemplate, called_by: CalledBy, language: str, ranks: list[str], contrast: bool
) -> dict[str, Any]:
    """What the file's provenance says of the request."""
    asked = {"at": ranks, "contrast": contrast, "domain": template.domain}
    return {"named": called_by, "language": language, **{key: value for key, value in asked.items() if value}}


def _say(notes: tuple[str, ...] | list[str], quiet: bool) -> None:
    for note in () if quiet else notes:
        click.echo(f"note: {note}", err=True)


def _template(registry: Registry, prompt: str) -> PromptTemplate:
    """A plugin's prompt, with its options, or a file."""
    from bioclip_x.options import parse_ref
    from bioclip_x.prompts.llm_prompts import load_template

    name = prompt.partition(":")[0].strip()
    if name not in registry.components("prompts") and (
        Path(prompt).suffix.lower() in (".yaml", ".yml") or Path(prompt).name != prompt
    ):
        return load_template(prompt)
    ref = parse_ref(prompt)
    template: PromptTemplate = registry.make("prompts", ref.name, ref.options)
    return template


def _tree(registry: Registry, file: Path | None, format_: str | None, labels: str | None) -> Taxonomy:
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.cli.classify import read_labels

    named = read_labels(labels)
    if file is not None and named is None:
        return read_taxonomy(registry, file, format_)
    if file is None and named is not None:
        return from_labels(named)
    raise RecipeError('expected the classes: either a TAXONOMY file or --labels "red fox,gray wolf"')


def _model(registry: Registry, llm: str, base_url: str | None) -> LanguageModel:
    from bioclip_x.options import parse_ref

    ref = parse_ref(llm)
    options = dict(ref.options)
    if base_url is not None and options.setdefault("base_url", base_url) != base_url:
        raise RecipeError("--llm and --base-url name different servers; give one")
    model: LanguageModel = registry.make("language_models", ref.name, options)
    return model


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar on stderr, where that is a terminal; and a word on how to go on after Ctrl-C."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("questions answered", total=None)
        try:
            yield lambda done, total: bar.update(task, completed=done, total=total)
        except KeyboardInterrupt:
            click.echo("stopped; the answers so far are kept, and the same command goes on from there", err=True)
            raise
