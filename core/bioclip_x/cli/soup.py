"""`bioclip-x soup`: averages the weights of several models."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.evaluation.labelled_images import FIELDS, find_dataset, prepare_fields
from bioclip_x.cli.flags import make_recipe_flags, plugin_option, quiet_option, recipe_option
from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.hooks.components import Dataset


@click.command(name="soup", params=make_recipe_flags(*(field for field in FIELDS if field != "model")))
@click.argument("models", nargs=-1, required=True, type=PathName())
@plugin_option
@recipe_option
@click.option("--output", required=True, type=PathName(), help="Folder of the averaged model.")
@click.option("--data", metavar="IMAGES", help="Validation images for a greedy soup, as for `evaluate`.")
@click.option(
    "--metric", default="top-1", show_default=True, help="What a greedy soup shall not lower; see `evaluate`."
)
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    /,
    models: tuple[Path, ...],
    plugins: tuple[str, ...],
    recipe: Path | None,
    output: Path,
    data: str | None,
    metric: str,
    quiet: bool,
    **fields: Any,
) -> None:
    """Average the weights of MODELS, folders of models or of training runs, that were trained from the same model.

    Without --data, all are averaged (a uniform soup). With it, they are added one by one, the best first, and one that lowers
    the --metric on these images is left out (a greedy soup).

    \b
    bioclip-x soup run-1 run-2 run-3 --output soup
    bioclip-x soup run-1 run-2 run-3 --output soup --data validation/ --taxonomy my-species.csv
    """  # fmt: skip
    names = registry.load(plugins)
    prepare_fields(fields)

    from bioclip_x.training.soup import (
        check_ingredients,
        choose_greedily,
        describe_ingredient,
        find_model_folder,
        write_soup,
    )

    folders = [find_model_folder(model) for model in models]
    check_output(output, folders)
    check_ingredients(folders)
    if data is None:
        write_soup(folders, output, {"kind": "uniform"})
        echo(output)
        return
    score = make_score(registry, data, metric, recipe=recipe, plugins=names, fields=fields, quiet=quiet)
    chosen = choose_greedily(folders, score)
    left_out = [describe_ingredient(folder) for folder in folders if folder not in chosen]
    write_soup(chosen, output, {"kind": "greedy", "metric": metric, "images": score.source, "left_out": left_out})
    echo(output)


def check_output(output: Path, folders: Sequence[Path]) -> None:
    """Raises TrainingError if the soup would be written over something."""
    if any(output.resolve() == folder.resolve() for folder in folders):
        raise TrainingError(f"--output: {output} is one of the models; name another folder")
    if output.is_dir() and any(output.iterdir()):
        raise TrainingError(f"--output: the folder {output} is not empty; name another one")


class Score:
    """The metric of the soup of some models on validation images. source: their name in outputs."""

    def __init__(self, dataset: Dataset, source: str, measure: Callable[[Path], float], quiet: bool) -> None:
        self.dataset, self.source, self._measure, self._quiet = dataset, source, measure, quiet

    def __call__(self, folders: Sequence[Path]) -> float:
        from bioclip_x.training.soup import write_soup

        with tempfile.TemporaryDirectory() as temporary:
            folder = folders[0]
            if len(folders) > 1:
                folder = Path(temporary, "soup")
                write_soup(folders, folder, {"kind": "candidate"})
            value = self._measure(folder)
        if not self._quiet:
            echo(f"{' + '.join(map(str, folders))}: {value:.4f}", err=True)
        return value


def make_score(
    registry: Registry,
    data: str,
    metric: str,
    *,
    recipe: Path | None,
    plugins: Sequence[str],
    fields: dict[str, Any],
    quiet: bool,
) -> Score:
    """Makes the score of a greedy soup. Raises BioclipXError for an unknown data set; TrainingError, later, for a metric that
    `evaluate` does not measure."""
    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.evaluation.evaluate import evaluate

    dataset, source = find_dataset(registry, data)

    def measure(folder: Path) -> float:
        flags = {**fields, "model": f"local-dir:{folder}"}
        resolved, _ = resolve(registry, file=recipe, plugins=plugins, flags=flags)
        resolved = resolved.model_copy(update={"calibration": "none", "depth": None})
        measures = evaluate(registry, [resolved], dataset, source).texts[0].measures()
        measures.pop("mistake severity")  # lower is better
        found = measures.get(metric)
        if found is None or found.value is None:
            known = ", ".join(name for name, one in measures.items() if one.value is not None)
            raise TrainingError(f"--metric: {metric} is not measured on these images; known: {known}")
        return found.value

    return Score(dataset, source, measure, quiet)
