"""Repeats a paper's table with the data sets and weights at hand.

Each data set is read once per model, whatever the number of methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, cast

from bioclip_x import __version__
from bioclip_x.components import Dataset
from bioclip_x.errors import BioclipXError, EvaluationError
from bioclip_x.evaluation.evaluate import evaluate
from bioclip_x.evaluation.own_classes import find_own_taxonomy
from bioclip_x.evaluation.papers.comparison import PaperCell, PaperComparison, average
from bioclip_x.evaluation.papers.table import DataRow, PaperTable
from bioclip_x.options import ComponentRef, parse_ref
from bioclip_x.recipe import FILES, Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Measure
from bioclip_x.registry import Registry, resolve_relative_paths

Progress = Callable[[int, int], None]

MEAN: Final = "mean"
FEW_SHOT_MISSING: Final = "few-shot evaluation is not connected to tables of papers yet; see evaluate --few-shot"


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
        for field in FILES:
            if fields.get(field):
                fields[field] = self._find_file(str(fields[field]))
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
        return cast(Dataset, self.registry.make("datasets", ref.name, ref.options))

    def _compare_methods(self, model: str, data: str, notes: dict[str, None]) -> Iterator[PaperCell]:
        """Yields the cells of a model on a data set."""
        ready: dict[str, Recipe] = {}
        missing = {method: self._find_missing(method, model, data) for method in self.table.methods}
        for method in [method for method, why in missing.items() if not why]:
            try:
                ready[method] = self.make_recipe(method, model, data)
            except BioclipXError as problem:
                missing[method] = str(problem)
        measures: dict[str, Mapping[str, Measure]] = {}
        if ready:
            try:
                measures = self._evaluate(ready, data, notes)
            except BioclipXError as problem:
                missing |= dict.fromkeys(ready, str(problem))
        for method, row in self.table.methods.items():
            published = self.table.published.get(method, {}).get(model, {}).get(data, {})
            for measure in published or ("top-1",):
                ours = measures.get(method, {}).get(measure)
                yield PaperCell(
                    method,
                    model,
                    data,
                    measure,
                    published.get(measure),
                    ours,
                    "" if ours else missing[method],
                    row.differs,
                )

    def _find_missing(self, method: str, model: str, data: str) -> str:
        """Returns what the table itself says is missing for a cell."""
        rows = self.table.data[data], self.table.models[model], self.table.methods[method]
        few_shot = FEW_SHOT_MISSING if self.table.methods[method].shots else ""
        return next((row.missing for row in rows if row.missing), few_shot)

    def _evaluate(
        self, recipes: Mapping[str, Recipe], data: str, notes: dict[str, None]
    ) -> dict[str, Mapping[str, Measure]]:
        """Returns method → measures by name."""
        dataset = self.make_dataset(self.table.data[data])
        find_own_taxonomy(dataset, next(iter(recipes.values())))  # raises for missing files, before a model is loaded
        evaluation = evaluate(
            self.registry, list(recipes.values()), dataset, data, seeds=self.table.seeds, texts=self.texts,
            labelled=self.labelled,
        )  # fmt: skip
        notes |= dict.fromkeys(f"{data}, {evaluation.model}: {note}" for note in evaluation.notes)
        return {method: text.measures() for method, text in zip(recipes, evaluation.texts, strict=True)}

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
