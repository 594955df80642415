"""`bioclip-x evaluate`: measures accuracy on labelled images, and compares texts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from bioclip_x.cli.evaluation.few_shot import FewShotOptions, add_few_shot_options
from bioclip_x.cli.evaluation.labelled_images import FIELDS, check_dataset_outputs, find_dataset, prepare_fields
from bioclip_x.cli.flags import (
    MACHINE,
    make_recipe_flags,
    output_option,
    plugin_option,
    quiet_option,
    recipe_option,
    safe_csv_option,
)
from bioclip_x.cli.option_types import PathName, WholeNumbers
from bioclip_x.errors import RecipeError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.sinks import choose_report
from bioclip_x.io.storage.streams import open_output

if TYPE_CHECKING:
    from bioclip_x.hooks.components import EvaluationReport
    from bioclip_x.recipe import Recipe
    from bioclip_x.records import EvaluationFigures

FORMATS: Final = ("table", "json", "csv")


@click.command(name="evaluate", params=make_recipe_flags(*FIELDS, "head", "calibration", "event_by", "event_pooling"))
@click.argument("images", required=False)
@plugin_option
@recipe_option
@click.option(
    "--compare",
    multiple=True,
    metavar="T",
    help="Text builder to compare on the same images. Repeatable. The baseline is that of --text or --plugin if given, else "
    "the first.",
)
@click.option(
    "--compare-model",
    "compare_models",
    multiple=True,
    metavar="NAME",
    help="Model to compare on the same images, with the same texts and classes; image by image. Repeatable.",
)
@click.option(
    "--metrics",
    type=click.Choice(("main", "all")),
    default="main",
    show_default=True,
    help="Measures in the table; JSON and CSV have all.",
)
@click.option(
    "--predictions",
    type=PathName(),
    metavar="FILE.csv",
    help="Also write what each image is labelled and was named, a row for each image and run.",
)
@click.option(
    "--seeds",
    type=WholeNumbers(1, 1000),
    metavar="K",
    help="Number of seeds for random texts (swapped, random-words, …).  [default: 5]",
)
@click.option(
    "--paper",
    metavar="NAME|FILE.yaml",
    help="Repeat a paper's table (cbd-cub, bioclip-zero-few-shot, …): published values beside ours. IMAGES is then the "
    "folder that the data sets lie in.  [default: this folder]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="[default: by the suffix of --output, else table]",
)
@add_few_shot_options
@click.option(
    "--probe",
    type=click.Choice(["word-order"]),
    help="In place of accuracies: how often a right text scores higher than one with its ranks shuffled, or with the descriptors "
    "of another class.",
)
@output_option
@click.option(
    "--report",
    type=PathName(),
    metavar="FILE",
    help="Also write a page with figures (.html): confusion matrices, embeddings, reliability, examples; and their numbers, as "
    "JSON and CSV files beside it.",
)
@safe_csv_option
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: str | None,
    plugins: tuple[str, ...],
    recipe: Path | None,
    compare: tuple[str, ...],
    compare_models: tuple[str, ...],
    metrics: str,
    predictions: Path | None,
    seeds: int | None,
    paper: str | None,
    format_: str | None,
    output: Path | None,
    report: Path | None,
    safe_csv: bool,
    quiet: bool,
    few_shot: FewShotOptions | None,
    probe: str | None,
    **fields: Any,
) -> None:
    """Measure the accuracy on labelled IMAGES: a folder of folders named by class, a table with columns path and label, or
    the name of a data set.

    \b
    bioclip-x evaluate field-guide:count=200,seed=9 --plugin descriptors
    bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors d.yaml \\
        --compare descriptors --compare taxonomic --compare swapped --compare random-words
    bioclip-x evaluate labelled-photos/ --model bioclip-2 --compare-model openai --taxonomy my-species.csv --metrics all
    bioclip-x evaluate labelled-photos/ --few-shot 1,5 --few-shot-method simpleshot --few-shot-method blend
    bioclip-x evaluate --paper cbd-cub /data
    """  # fmt: skip
    if paper:
        repeat_paper(registry, paper, images, fields, format_ or find_format(output), output, quiet)
        return
    if images is None:
        raise click.MissingParameter(param_hint="IMAGES", param_type="argument")
    inputs = {
        "--recipe": recipe,
        "--plugin": plugins,
        "--labels": fields["labels"],
        "--folds": few_shot and few_shot.file,
    }
    prepare_fields(fields)
    format_ = format_ or find_format(output)
    if few_shot and probe:
        raise RecipeError("--few-shot and --probe are two evaluations; choose one")
    if (few_shot or probe) and (report or predictions):
        what, flag = "--few-shot" if few_shot else "--probe", "--report" if report else "--predictions"
        raise RecipeError(f"{flag} is of zero-shot evaluations; leave it out with {what}")
    names = registry.load(plugins)
    dataset, source = find_dataset(registry, images)
    recipes, notes = resolve_alternatives(registry, recipe, names, fields, compare, compare_models)
    from bioclip_x.cli.render.figure_files import list_figure_files

    page, report = find_evaluation_report(registry, report) if report else (None, None)
    outputs = {
        "--output": output,
        "--report": [report, *list_figure_files(report)] if report else [],
        "--predictions": predictions,
        "--save-folds": few_shot.save_folds if few_shot else None,
    }
    check_dataset_outputs(registry, images, outputs, inputs, recipes)
    if few_shot:
        few_shot.evaluate(registry, recipes, dataset, source, notes, format_, output, quiet)
        return
    if probe:
        from bioclip_x.cli.evaluation import word_order

        word_order.probe(registry, recipes, dataset, source, notes, format_, output, quiet, seeds)
        return

    from bioclip_x.cli.render.evaluation import print_notes, write
    from bioclip_x.cli.render.prediction_table import PredictionTable
    from bioclip_x.evaluation.evaluate import evaluate
    from bioclip_x.evaluation.figures.collection import FigureCollector
    from bioclip_x.progress import Progress

    with open_output(
        output, styled=format_ == "table"
    ) as stream:  # first, so that a file that cannot be written fails early
        collector = FigureCollector(dataset) if page else None
        table = PredictionTable(safe=safe_csv) if predictions else None
        watches = [watch for watch in (collector, table) if watch]
        with Progress(enabled=not quiet) as progress:
            evaluation = evaluate(
                registry, recipes, dataset, source, seeds=seeds, texts=progress.texts, labelled=progress.labelled,
                watches=watches,
            )  # fmt: skip
        if page and report and collector:
            write_figures(page, report, collector.make_figures(evaluation), safe_csv=safe_csv)
        if table and predictions:
            table.write(predictions)
        if not quiet:
            print_notes(evaluation, notes)
        write(evaluation, format_, stream, metrics, safe=safe_csv)


def find_evaluation_report(registry: Registry, path: Path) -> tuple[EvaluationReport, Path]:
    """Finds the report of FILE or NAME:FILE, and the file. Raises RecipeError for one that cannot show evaluations."""
    report, path = choose_report(registry, path)
    if not get_capabilities(report, ReportCapabilities).evaluations:
        raise RecipeError(f"--report {path}: {path.suffix} files are for classify; evaluations have pages (.html)")
    return cast("EvaluationReport", report), path


def write_figures(page: EvaluationReport, path: Path, figures: EvaluationFigures, *, safe_csv: bool = False) -> None:
    """Writes the page, and the numbers beside it."""
    from bioclip_x.cli.render.figure_files import list_figure_files, write_figure_files

    files = tuple(file.name for file in list_figure_files(path))
    with naming(page, "write_evaluation", writes=True):
        page.write_evaluation(path, replace(figures, files=files))
    write_figure_files(figures, path, safe=safe_csv)


def repeat_paper(
    registry: Registry,
    paper: str,
    folder: str | None,
    fields: Mapping[str, Any],
    format_: str,
    output: Path | None,
    quiet: bool,
) -> None:
    """Runs what can be run of a paper's table. Raises RecipeError for options that the table sets."""
    if given := [name for name, value in fields.items() if value is not None and name not in MACHINE]:
        raise RecipeError(
            f"--paper: the table sets --{given[0].replace('_', '-')}; to change it, give a table of your own"
        )
    from bioclip_x.cli.render.paper import write
    from bioclip_x.evaluation.papers.compare import PaperRun
    from bioclip_x.evaluation.papers.table import load_table
    from bioclip_x.progress import Progress

    warnings.filterwarnings("ignore", module="PIL")
    name, table = load_table(paper)
    machine = {field: value for field, value in fields.items() if value is not None}
    with open_output(output, styled=format_ == "table") as stream:
        with Progress(enabled=not quiet) as progress:
            run = PaperRun(registry, name, table, Path(folder or "."), machine, progress.texts, progress.labelled)
            comparison = run.compare()
        write(comparison, format_, stream)


def find_format(output: Path | None) -> str:
    """Returns the format of a file's suffix, else "table"."""
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    return suffix if suffix in FORMATS else "table"


def resolve_alternatives(
    registry: Registry,
    file: Path | None,
    plugins: Sequence[str],
    fields: Mapping[str, Any],
    compare: Sequence[str],
    models: Sequence[str] = (),
) -> tuple[list[Recipe], tuple[str, ...]]:
    """Makes a recipe for each of the texts and models to compare; returns them with notes on the user's settings.

    The recipe's own texts come first if they are chosen by option, file or plugin, or if there are no others. models: each is
    compared with all the texts, after the recipe's own model.
    """
    from bioclip_x.cli.recipe_flags import TEXT_FLAGS, apply_text_flags, resolve, take_text_flags

    fields, given = dict(fields), take_text_flags(fields)
    for name in TEXT_FLAGS:
        fields.pop(name)
    own, notes = resolve(registry, file=file, plugins=plugins, flags=fields)
    others = [resolve(registry, file=file, plugins=plugins, flags=fields | {"text": (text,)})[0] for text in compare]
    is_chosen = [str(ref) for ref in own.text] != [registry.default("text_builders")] and own not in others
    chosen = [own, *others] if fields["text"] is not None or is_chosen or not others else others
    applied = [apply_text_flags(registry, recipe, given, required=False) for recipe in chosen]
    if applied == chosen:
        applied[0] = apply_text_flags(registry, chosen[0], given)  # raises if no text follows the flags
    recipes = [drop_calibration(registry, recipe) for recipe in applied]
    distinct = [recipe for i, recipe in enumerate(recipes) if recipe not in recipes[:i]]
    if len(distinct) < len(recipes) and len(distinct) == 1:
        raise RecipeError(f"--compare: there is nothing to compare {', '.join(map(str, own.text))} with")
    for model in dict.fromkeys(models):
        if model == own.model:
            raise RecipeError(f"--compare-model: {model} is the model that the others are compared with")
        other, _ = resolve(registry, file=file, plugins=plugins, flags=fields | {"model": model})
        distinct += [
            recipe.model_copy(update={"model": other.model, "encoder": other.encoder})
            for recipe in distinct
            if recipe.model == own.model
        ]
    return distinct, notes


def drop_calibration(registry: Registry, recipe: Recipe) -> Recipe:
    """Returns the recipe without a calibration, which changes no name, and without depth; heads that report sets keep it."""
    from bioclip_x.hooks.capabilities import HeadCapabilities, get_capabilities

    head = registry.make("heads", recipe.head.name, recipe.head.options)
    calibration = recipe.calibration if get_capabilities(head, HeadCapabilities).sets else "none"
    return recipe.model_copy(update={"calibration": calibration, "depth": None})
