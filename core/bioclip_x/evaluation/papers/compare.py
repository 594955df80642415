"""Repeats a paper's table with the data sets and weights at hand.

Each data set is read once per model, whatever the number of methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, cast

from bioclip_x import __version__
from bioclip_x.errors import BioclipXError, EvaluationError, ModelError
from bioclip_x.evaluation.evaluate import evaluate
from bioclip_x.evaluation.few_shot.evaluate import FOLDS, evaluate_few_shot
from bioclip_x.evaluation.few_shot.methods import parse_method
from bioclip_x.evaluation.papers.comparison import PaperCell, PaperComparison, average
from bioclip_x.evaluation.papers.table import DataRow, MeasureName, PaperTable
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import ClassListDataset, Dataset
from bioclip_x.hooks.options import ComponentRef, parse_ref
from bioclip_x.hooks.registry import Registry, resolve_relative_paths
from bioclip_x.recipe import FILES, Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Measure

Progress = Callable[[int, int], None]

MEAN: Final = "mean"
SIMPLE_SHOT: Final = "simpleshot"
"""What the papers call few-shot: mean-centred, normalised, the nearest centroid."""
TOP_1: Final[tuple[MeasureName, ...]] = ("top-1",)
"""What is measured where nothing was published."""


@dataclass(frozen=True)
class PaperRun:
    """folder: that the data sets lie in. machine: fields of the recipe that say how to compute (device, batch_size, …)."""

    registry: Registry
    name: str
    table: PaperTable
    folder: Path
    machine: Mapping[str, Any]
    texts: Progress = lambda done, total: None
    labelled: Progress = lambda done, total: None
    _datasets: dict[str, Dataset] = field(default_factory=dict)

    def compare(self) -> PaperComparison:
        """Runs what can be run; the other cells say what is missing."""
        notes: dict[str, None] = {}
        cells = [cell for data in self.table.data for model in self.table.models
                 for cell in self._compare_methods(model, data, notes)]  # fmt: skip
        if self.table.mean:
            cells += self._compare_means(cells)
        return PaperComparison(
            name=self.name,
            title=self.table.title,
            paper=self.table.paper,
            source=self.table.source,
            date=datetime.now(timezone.utc).date().isoformat(),
            version=__version__,
            cells=tuple(cells),
            notes=self.table.notes,
            not_found=self.table.not_found,
            run_notes=tuple(notes),
        )

    def make_recipe(self, method: str, model: str, data: str) -> Recipe:
        """Resolves the recipe of a cell, with its files in the folder.

        Raises EvaluationError for a file that is missing, with where to get it, and what `resolve_recipe` raises.
        """
        fields = merge_fields(self.table, method, model, data)
        for name in FILES:
            if fields.get(name):
                fields[name] = self._find_file(str(fields[name]))
        recipe = resolve_recipe(self.registry, flags=fields | dict(self.machine))
        return recipe.model_copy(update={"calibration": "none", "depth": None})

    def make_dataset(self, row: DataRow) -> Dataset:
        """Makes the data set of a row. Raises EvaluationError, or TrainingError, where its files are missing."""
        ref = parse_ref(row.reader)
        given = self.registry.name_options("datasets", ref.name, ref.options)
        files = set(given)
        if row.folder:
            given["root"] = row.folder
        ref = resolve_relative_paths(self.registry, "datasets", ComponentRef(name=ref.name, options=given), self.folder)
        for name, value in self.registry.options("datasets", ref.name, ref.options).items():
            if name in files and isinstance(value, Path):
                self._find_file(str(given[name]))
        return self.registry.make("datasets", ref.name, ref.options)

    def _compare_methods(self, model: str, data: str, notes: dict[str, None]) -> Iterator[PaperCell]:
        """Yields the cells of a model on a data set."""
        missing = {method: self._list_missing(method, model, data) for method in self.table.methods}
        ready = {method: self.make_recipe(method, model, data) for method, what in missing.items() if not what}
        measures, problems = self._evaluate_all(ready, data, notes)
        missing |= {method: [problem] for method, problem in problems.items()}
        for method, row in self.table.methods.items():
            published = self.table.published.get(method, {}).get(model, {}).get(data, {})
            for measure in published or TOP_1:
                ours = measures.get(method, {}).get(measure)
                what = "" if ours else "; ".join(missing[method])
                yield PaperCell(method, model, data, measure, published.get(measure), ours, what, row.differs)

    def _list_missing(self, method: str, model: str, data: str) -> list[str]:
        """Lists what a cell lacks: what the table says; else the data set, and the files of its recipe."""
        rows = self.table.data[data], self.table.models[model], self.table.methods[method]
        said = [row.missing for row in rows if row.missing]
        if said:
            return said
        problems = []
        for check in (lambda: self._get_dataset(data), lambda: self.make_recipe(method, model, data)):
            try:
                check()
            except BioclipXError as problem:
                problems.append(str(problem))
        return problems

    def _get_dataset(self, data: str) -> Dataset:
        """Returns a data set, made and listed once. Raises BioclipXError where its files are missing."""
        if data not in self._datasets:
            dataset = self.make_dataset(self.table.data[data])
            if get_capabilities(dataset, DatasetCapabilities).brings_classes:
                cast(ClassListDataset, dataset).own_taxonomy()
            self._datasets[data] = dataset
        return self._datasets[data]

    def _evaluate_all(
        self, recipes: Mapping[str, Recipe], data: str, notes: dict[str, None]
    ) -> tuple[dict[str, Mapping[str, Measure]], dict[str, str]]:
        """Returns method → measures by name, and method → why it failed: together, or if one fails, each alone."""
        try:
            return (self._evaluate(recipes, data, notes) if recipes else {}), {}
        except BioclipXError as problem:
            if len(recipes) == 1 or isinstance(problem, ModelError):  # without weights, all fail
                return {}, dict.fromkeys(recipes, str(problem))
        measures: dict[str, Mapping[str, Measure]] = {}
        problems: dict[str, str] = {}
        for method, recipe in recipes.items():
            done, failed = self._evaluate_all({method: recipe}, data, notes)
            measures |= done
            problems |= failed
        return measures, problems

    def _evaluate(
        self, recipes: Mapping[str, Recipe], data: str, notes: dict[str, None]
    ) -> dict[str, Mapping[str, Measure]]:
        """Returns method → measures by name."""
        few_shot = {method: recipe for method, recipe in recipes.items() if self.table.methods[method].shots}
        zero_shot = {method: recipe for method, recipe in recipes.items() if method not in few_shot}
        measures = self._evaluate_few_shot(few_shot, data, notes)
        if not zero_shot:
            return measures
        evaluation = evaluate(
            self.registry,
            list(zero_shot.values()),
            self._get_dataset(data),
            data,
            seeds=self.table.seeds,
            texts=self.texts,
            labelled=self.labelled,
        )
        notes |= dict.fromkeys(f"{data}, {evaluation.model}: {note}" for note in evaluation.notes)
        return measures | {method: text.measures() for method, text in zip(zero_shot, evaluation.texts, strict=True)}

    def _evaluate_few_shot(
        self, recipes: Mapping[str, Recipe], data: str, notes: dict[str, None]
    ) -> dict[str, Mapping[str, Measure]]:
        """Returns method → measures by name; methods of one recipe and number of folds are evaluated together."""
        measures: dict[str, Mapping[str, Measure]] = {}
        groups: dict[tuple[int, str], list[str]] = {}
        for method, recipe in recipes.items():
            groups.setdefault((self.table.methods[method].folds or FOLDS, recipe.model_dump_json()), []).append(method)
        for (folds, _), methods in groups.items():
            shots = {method: self.table.methods[method].shots for method in methods}
            evaluation = evaluate_few_shot(
                self.registry,
                recipes[methods[0]],
                self._get_dataset(data),
                data,
                [parse_method(SIMPLE_SHOT)],
                shots=tuple(dict.fromkeys(shots.values())),
                folds=folds,
                texts=self.texts,
                labelled=self.labelled,
            )
            notes |= dict.fromkeys(f"{data}, {evaluation.model}: {note}" for note in evaluation.notes)
            of_shots = {result.shots: result.measures() for result in evaluation.results}
            measures |= {method: of_shots[k] for method, k in shots.items()}
        return measures

    def _compare_means(self, cells: Sequence[PaperCell]) -> Iterator[PaperCell]:
        """Yields the means over data sets of top-1."""
        for model in self.table.models:
            for method, row in self.table.methods.items():
                of = [cell for cell in cells if (cell.method, cell.model, cell.measure) == (method, model, "top-1")]
                published = self.table.published.get(method, {}).get(model, {}).get(MEAN, {}).get("top-1")
                ours = average(of)
                todo = [cell.data for cell in of if not cell.ours]
                missing = "" if ours else f"{len(todo)} of its {len(of)} data sets are not yet run"
                yield PaperCell(method, model, MEAN, "top-1", published, ours, missing, row.differs)

    def _find_file(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            where = self.table.files.get(name)
            raise EvaluationError(f"there is no {name} in {self.folder}" + (f"; get it from {where}" if where else ""))
        return path


def merge_fields(table: PaperTable, method: str, model: str, data: str) -> dict[str, Any]:
    """Returns the fields of the recipe of a cell: table < method < model < data set < data set with that model."""
    row, of_model, of_method = table.data[data], table.models[model], table.methods[method]
    parts = (table.recipe, of_method.recipe, of_model.recipe, row.recipe, row.models.get(model, {}))
    merged: dict[str, Any] = {"model": of_model.model}
    for part in parts:
        merged |= part
    return merged
