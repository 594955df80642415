"""Writes the numbers of an evaluation's figures beside its page: all as JSON, each figure as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.io.delimited import write_cells
from bioclip_x.io.storage.streams import escape_surrogates, open_output
from bioclip_x.records import CurvePoint, EvaluationFigures, Taxon

FORMAT: Final = "bioclip-x/evaluation-figures/1"
FIGURES: Final = ("confusions", "embeddings", "curves", "examples")
NOT_WRITTEN: Final = ("thumbnail", "files")


def list_figure_files(page: Path) -> list[Path]:
    """Lists the files beside a page: evaluation.html has evaluation.json, evaluation.confusions.csv and so on."""
    return [page.with_suffix(".json"), *(page.with_suffix(f".{figure}.csv") for figure in FIGURES)]


def write_figure_files(figures: EvaluationFigures, page: Path, *, safe: bool = False) -> None:
    """Writes the files of `list_figure_files`, each of which appears only when complete. safe: see `write_cells`."""
    json_file, *csv_files = list_figure_files(page)
    with open_output(json_file) as stream:
        document = {"format": FORMAT, **_convert_to_plain(figures)}
        stream.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
    rows_of = (_iterate_confusions, _iterate_embeddings, _iterate_curves, _iterate_examples)
    for path, iterate_rows in zip(csv_files, rows_of):
        with open_output(path) as stream:
            rows = iterate_rows(figures)
            cells = ([escape_surrogates(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
            write_cells(stream, cells, safe=safe)


def _iterate_confusions(figures: EvaluationFigures) -> Iterator[tuple[Any, ...]]:
    """Yields the cells that are not empty. predicted: "" where no taxon at the rank is predicted."""
    yield "run", "rank", "true", "predicted", "count"
    for run in figures.runs:
        for matrix in run.confusions:
            names = (*matrix.taxa, "")
            for true, predicted, count in zip(*map(np.ndarray.tolist, matrix.cells)):
                yield run.name, matrix.rank, names[true], names[predicted], count


def _iterate_embeddings(figures: EvaluationFigures) -> Iterator[tuple[Any, ...]]:
    ranks = list(dict.fromkeys(rank for one in figures.maps for rank in one.taxa_at))
    yield "model", "source", "x", "y", *(rank or "class" for rank in ranks)
    for one in figures.maps:
        for i, (source, (x, y)) in enumerate(zip(one.sources, one.xy_m2.tolist())):
            yield one.model, source, x, y, *(one.taxa_at[rank][i] if rank in one.taxa_at else "" for rank in ranks)


def _iterate_curves(figures: EvaluationFigures) -> Iterator[tuple[Any, ...]]:
    yield "run", "curve", "x", "value", "low", "high", "of", "label"
    for run in figures.runs:
        curves: dict[str, tuple[CurvePoint, ...]] = {
            "accuracy at rank": run.rank_accuracy,
            "accuracy against depth": run.depth,
            "reliability": run.reliability,
        }
        for curve, points in curves.items():
            for point in points:
                yield run.name, curve, point.x, point.value, point.low, point.high, point.of, point.label


def _iterate_examples(figures: EvaluationFigures) -> Iterator[tuple[Any, ...]]:
    yield "figure", "source", "label", "run", "predicted", "share", "right"
    for one in figures.examples:
        for example in one.examples:
            for answer in example.answers:
                predicted = answer.taxon.name if answer.taxon else ""
                label = example.label.name
                yield one.title, example.source, label, answer.run, predicted, answer.share, int(answer.is_right)


def _convert_to_plain(value: Any) -> Any:
    """Returns a record as mappings and lists; a taxon as its rank and name."""
    if isinstance(value, Taxon):
        return {"rank": value.rank, "name": value.name}
    if is_dataclass(value):
        names = (field.name for field in fields(value) if field.name not in NOT_WRITTEN)
        return {name: _convert_to_plain(getattr(value, name)) for name in names}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "items"):
        return {key: _convert_to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_convert_to_plain(item) for item in value]
    return escape_surrogates(value) if isinstance(value, str) else value
