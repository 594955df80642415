"""`bioclip-x describe`: writes descriptors of every class of a taxonomy with a language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import plugin_option, quiet_option, resume_option, table_or_json_option
from bioclip_x.cli.option_types import PathName, RealNumbers, WholeNumbers
from bioclip_x.cli.outputs.collisions import check_outputs
from bioclip_x.cli.render.description import Prices, TableOrJson, format_dry_run, format_outcome, print_findings
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.taxonomy.builder import from_labels

if TYPE_CHECKING:
    from bioclip_x.describe.estimate import Estimate
    from bioclip_x.describe.questions import CalledBy, Question
    from bioclip_x.hooks.components import LanguageModel
    from bioclip_x.prompts import DescriptorSet
    from bioclip_x.prompts.llm_prompts import PromptTemplate
    from bioclip_x.taxonomy import Taxonomy


@click.command(name="describe")
@click.argument("taxonomy", required=False, type=PathName())
@click.option("--taxonomy-format", metavar="NAME", help="Reader of the taxonomy; by default recognised by content.")
@click.option("--labels", metavar="A,B,…|FILE", help="Plain labels instead of a taxonomy.")
@click.option("--llm", metavar="L", help="The language model: openai:model=gpt-4o-mini, with its options.")
@click.option(
    "--base-url",
    metavar="URL",
    help="URL of the server, including /v1; by default OPENAI_BASE_URL, else OpenAI's.",
)
@click.option(
    "--prompt",
    metavar="P",
    help="cbd, exemplar, exemplar-background, a plugin's, or a file (.yaml); exemplar:domain=birds chooses the exemplar.",
)
@click.option("--contrast", is_flag=True, help="Ask what distinguishes each species from the others of its genus.")
@click.option(
    "--at", metavar="RANKS", help="Ask about every taxon at these ranks (genus,species); by default about the classes."
)
@click.option("--output", type=PathName(dir_okay=False), metavar="FILE", help="Descriptor file (YAML).")
@click.option(
    "--name",
    "called_by",
    type=click.Choice(["common", "scientific"]),
    default="common",
    show_default=True,
    help="Kind of class names in prompts.",
)
@click.option("--language", metavar="L", help="Language of the common names.  [default: en]")
@click.option(
    "--concurrency",
    type=WholeNumbers(1, 1000),
    default=8,
    show_default=True,
    metavar="N",
    help="Requests in flight at once.",
)
@click.option(
    "--ask-again",
    type=WholeNumbers(max=1000),
    default=1,
    show_default=True,
    metavar="N",
    help="Further attempts where an answer is unusable.",
)
@click.option("--retry-unusable", is_flag=True, help="Ask again also where earlier runs got only unusable answers.")
@resume_option
@click.option("--price-in", type=RealNumbers(min=0), metavar="P", help="Price of a million input tokens.")
@click.option("--price-out", type=RealNumbers(min=0), metavar="P", help="Price of a million output tokens.")
@click.option(
    "--curate/--no-curate",
    "is_curated",
    default=True,
    show_default=True,
    help="Repair or drop unsuitable descriptors before writing.",
)
@click.option(
    "--check",
    type=PathName(),
    metavar="FILE",
    help="Send no requests; report what curation finds in a descriptor file. With --output, write it curated.",
)
@table_or_json_option
@click.option(
    "--dry-run", is_flag=True, help="Print the first prompts, their number and an estimate; send no requests."
)
@quiet_option
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
    resume: bool,
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

    The key is read from OPENAI_API_KEY. Answers are stored in FILE.answers.jsonl as they arrive, and the same command resumes an
    interrupted run; with --resume, a run with another model or prompt is refused. Exit status 1: some answers were unusable;
    their classes are listed and empty.
    """  # fmt: skip
    from bioclip_x.describe.questions import make_questions

    language, registry = language or _find_language(), ctx.obj
    registry.load(plugins)
    inputs = {"TAXONOMY": taxonomy, "--labels": labels, "--prompt": prompt, "--check": check, "--plugin": plugins}
    check_outputs({"--output": output}, inputs)
    if check is not None:
        tree = _load_taxonomy(registry, taxonomy, taxonomy_format, labels) if taxonomy or labels else None
        ctx.exit(_check(check, llm, tree, language, output, format_))
    template = _load_prompt(registry, prompt or registry.required_default("prompts"))
    tree = _load_taxonomy(registry, taxonomy, taxonomy_format, labels)
    options: dict[str, Any] = dict(called_by=called_by, language=language, at=_split_ranks(at), contrast=contrast)
    questions, notes = make_questions(tree, template, **options)
    model = _make_model(registry, llm, base_url)
    job = _Job(questions, template, tree, model, output, notes, Prices.of(price_in, price_out), quiet)
    if dry_run:
        job.print_dry_run()
        return
    descriptors = job.run(
        about=_make_provenance(template, **options), concurrency=concurrency, ask_again=ask_again,
        retry_unusable=retry_unusable, resume=resume, curation_language=language if is_curated else None,
    )  # fmt: skip
    ctx.exit(1 if descriptors.empty_classes or "unusable" in descriptors.provenance else 0)


def _find_language() -> str:
    from bioclip_x.settings import load_settings

    return str(load_settings().values.get("language", "en"))


def _check(
    file: Path, llm: str | None, tree: Taxonomy | None, language: str, output: Path | None, format_: TableOrJson
) -> int:
    """Prints what curation finds in a file. Returns the exit status."""
    if llm is not None:
        raise RecipeError("--check sends no requests, so it takes no --llm; leave out one of the two")
    return 1 if print_findings(file, tree, language, output, format_) else 0


@dataclass(frozen=True)
class _Job:
    """Questions to a language model, and where their answers go. notes: on the questions."""

    questions: tuple[Question, ...]
    template: PromptTemplate
    taxonomy: Taxonomy
    model: LanguageModel | None
    output: Path | None
    notes: tuple[str, ...]
    prices: Prices
    quiet: bool

    def estimate(self) -> Estimate:
        """Estimates the tokens for the questions without a stored answer."""
        from bioclip_x.describe.estimate import estimate
        from bioclip_x.describe.run import read_stored_answers

        stored = {}
        if self.model and self.output:
            stored = read_stored_answers(self.questions, self.template, self.model, self.output)
        return estimate(self.questions, stored, self.template.max_tokens)

    def print_dry_run(self) -> None:
        estimate = self.estimate()
        _print_notes(self.notes, self.quiet)
        echo(format_dry_run(self.questions, estimate, self.prices))

    def run(
        self,
        *,
        about: Mapping[str, Any],
        concurrency: int,
        ask_again: int,
        retry_unusable: bool,
        resume: bool,
        curation_language: str | None,
    ) -> DescriptorSet:
        """Asks the model and writes the descriptor file. curation_language: of common names; None for no curation."""
        from bioclip_x.describe.check import curate
        from bioclip_x.describe.run import describe
        from bioclip_x.progress import Progress

        estimate = self.estimate()
        if self.model is None or self.output is None:
            raise RecipeError("expected --llm (for example openai:model=gpt-4o-mini) and --output FILE, or --dry-run")
        if estimate.requests:
            _print_notes([self.prices.of_estimate(estimate)], self.quiet)
        curation = partial(curate, taxonomy=self.taxonomy, language=curation_language) if curation_language else None
        with _say_how_to_resume(), Progress(enabled=not self.quiet) as progress:
            descriptors = describe(
                self.questions, self.template, self.model, self.output, about=about,
                notes=(*self.taxonomy.notes, *self.notes), concurrency=concurrency, ask_again=ask_again,
                retry_unusable=retry_unusable, resume=resume, curate=curation, progress=progress.stage("questions answered"),
                say=lambda line: echo(f"note: {line}", err=True),
            )  # fmt: skip
        _print_notes(descriptors.notes, self.quiet)
        echo(format_outcome(self.questions, descriptors, self.output, self.prices), err=True)
        return descriptors


def _split_ranks(at: str | None) -> list[str]:
    return [rank.strip() for rank in (at or "").split(",") if rank.strip()]


def _make_provenance(
    template: PromptTemplate, called_by: CalledBy, language: str, at: list[str], contrast: bool
) -> dict[str, Any]:
    """Makes the part of the file's provenance that describes the request."""
    optional = {"at": at, "contrast": contrast, "domain": template.domain}
    return {"named": called_by, "language": language, **{key: value for key, value in optional.items() if value}}


def _print_notes(notes: tuple[str, ...] | list[str], quiet: bool) -> None:
    for note in () if quiet else notes:
        echo(f"note: {note}", err=True)


def _load_prompt(registry: Registry, prompt: str) -> PromptTemplate:
    """Loads a plugin's prompt, with its options, or a file."""
    from bioclip_x.hooks.options import parse_ref
    from bioclip_x.prompts.llm_prompts import load_template

    name = prompt.partition(":")[0].strip()
    if name not in registry.components("prompts") and (
        Path(prompt).suffix.lower() in (".yaml", ".yml") or Path(prompt).name != prompt
    ):
        return load_template(prompt)
    ref = parse_ref(prompt)
    template: PromptTemplate = registry.make("prompts", ref.name, ref.options)
    return template


def _load_taxonomy(registry: Registry, file: Path | None, format_: str | None, labels: str | None) -> Taxonomy:
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.io.labels import read_labels

    names = read_labels(labels) if labels is not None else None
    if file is not None and names is None:
        return read_taxonomy(registry, file, format_)
    if file is None and names is not None:
        return from_labels(names)
    raise RecipeError('expected the classes: either a TAXONOMY file or --labels "red fox,gray wolf"')


def _make_model(registry: Registry, llm: str | None, base_url: str | None) -> LanguageModel | None:
    """Makes the language model; None where none is named."""
    from bioclip_x.hooks.options import parse_ref

    if llm is None:
        return None
    ref = parse_ref(llm)
    options = dict(ref.options)
    if base_url is not None and options.setdefault("base_url", base_url) != base_url:
        raise RecipeError("--llm and --base-url name different servers; give one")
    model: LanguageModel = registry.make("language_models", ref.name, options)
    return model


@contextmanager
def _say_how_to_resume() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        echo("stopped; the answers so far are kept; run the same command to continue", err=True)
        raise
