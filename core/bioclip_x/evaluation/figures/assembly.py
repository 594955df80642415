"""Assembles the figures of an evaluation from what its runs named the images.

Legend: n images, D embedding dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.figures.confusion import build_confusion, list_folds
from bioclip_x.evaluation.figures.embedding_map import make_embedding_map
from bioclip_x.evaluation.figures.examples import choose_examples
from bioclip_x.records import (
    CurvePoint,
    EmbeddingMap,
    Evaluation,
    EvaluationFigures,
    Example,
    ExampleAnswer,
    ExampleSet,
    Measure,
    RunFigures,
    TextEvaluation,
)
from bioclip_x.taxonomy import Taxonomy

MOST_EXAMPLES: Final = 12
"""Images shown of each outcome."""
MOST_COMPARED: Final = 4
"""Runs whose answers are compared with the baseline's, image by image."""

LoadThumbnail = Callable[[str], "bytes | None"]
"""From the name of an image to a small JPEG of it; None where it cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledNames:
    """The images evaluated. sources: n names. node_n: the label of each, int64. class_n: its class, -1 for a taxon above."""

    sources: tuple[str, ...]
    node_n: Ints
    class_n: Ints


@dataclass(frozen=True, slots=True, eq=False)
class RunOutputs:
    """What one run named n images.

    model, revision, demo: as in `Evaluation`. node_n: int64, -1 for an image that is not named. share_n: of this answer,
    float64. right_n: 1 or 0, -1 where the label is a taxon above the classes. reliability, calibration, depth: see `RunFigures`.
    """

    model: str
    revision: str
    demo: str
    images: LabelledNames
    node_n: Ints
    share_n: Floats
    right_n: Ints
    reliability: tuple[CurvePoint, ...]
    calibration: Mapping[str, Measure]
    depth: tuple[CurvePoint, ...]


def make_figures(
    evaluation: Evaluation,
    runs: Sequence[RunOutputs],
    features_of: Mapping[str, npt.NDArray[np.floating]],
    taxonomy: Taxonomy,
    load_thumbnail: LoadThumbnail,
) -> EvaluationFigures:
    """Makes all figures. evaluation: its texts are those of `runs`, in order.

    features_of: model → embeddings of the images of its first run, [n, D]. A map that cannot be drawn becomes a note.
    """
    names = name_runs([run.model for run in runs], [one.text for one in evaluation.texts])
    maps: list[EmbeddingMap] = []
    notes = list(evaluation.notes)
    for model, features_nD in features_of.items():
        images = next(run.images for run in runs if run.model == model)
        try:
            maps.append(make_embedding_map(features_nD, images.sources, images.node_n, taxonomy, model))
        except EvaluationError as error:
            notes.append(str(error))
    notes += [
        f"{name}: measures are means over {len(text.seeds)} seeds; the other figures are of seed {text.seeds[0]}"
        for name, text in zip(names, evaluation.texts)
        if len(text.seeds) > 1
    ]
    return EvaluationFigures(
        source=evaluation.source,
        date=evaluation.date,
        version=evaluation.version,
        models=tuple(dict.fromkeys((run.model, run.revision) for run in runs)),
        demos=tuple(dict.fromkeys(run.demo for run in runs if run.demo)),
        taxonomy=evaluation.taxonomy,
        n_classes=evaluation.n_classes,
        n_images=evaluation.pictures,
        n_true_classes=evaluation.classes,
        runs=tuple(
            _make_run_figures(name, text, run, taxonomy) for name, text, run in zip(names, evaluation.texts, runs)
        ),
        maps=tuple(maps),
        examples=tuple(make_example_sets(dict(zip(names, runs)), taxonomy, load_thumbnail)),
        notes=tuple(notes),
    )


def name_runs(models: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Names each run by what distinguishes it.

    >>> name_runs(["bioclip", "bioclip"], ["names", "descriptors"]), name_runs(["bioclip", "clip"], ["names", "names"])
    (['names', 'descriptors'], ['bioclip', 'clip'])
    >>> name_runs(["bioclip", "clip", "clip"], ["names", "names", "descriptors"])
    ['bioclip: names', 'clip: names', 'clip: descriptors']
    """
    if len(set(models)) == 1:
        return list(texts)
    if len(set(texts)) == 1:
        return list(models)
    return [f"{model}: {text}" for model, text in zip(models, texts)]


def _make_run_figures(name: str, text: TextEvaluation, run: RunOutputs, taxonomy: Taxonomy) -> RunFigures:
    return RunFigures(
        name=name,
        model=run.model,
        text=text.text,
        measures=text.measures(),
        ranks=tuple(text.ranks),
        rank_accuracy=make_rank_points(list(text.ranks.items())),
        reliability=run.reliability,
        calibration=run.calibration,
        depth=run.depth,
        confusions=tuple(
            build_confusion(run.images.node_n, run.node_n, taxonomy, rank) for rank in list_folds(taxonomy)
        ),
    )


def make_example_sets(
    runs: Mapping[str, RunOutputs],
    taxonomy: Taxonomy,
    load_thumbnail: LoadThumbnail,
    most: int = MOST_EXAMPLES,
) -> Iterator[ExampleSet]:
    """Yields images that the baseline has right and another run wrong, and the reverse; of a single run, those it has wrong.

    runs: by name, the baseline first. Images that not all runs have, or labelled above the classes, are left out.
    """
    runs = keep_common_images(runs)
    first, *others = runs
    images = runs[first].images
    outcomes: list[tuple[str, npt.NDArray[np.bool_], tuple[str, ...]]] = []
    if not others:
        outcomes.append(("Wrong", runs[first].right_n == 0, (first,)))
    for other in others[:MOST_COMPARED]:
        for right, wrong in ((first, other), (other, first)):
            is_outcome_n = (runs[right].right_n == 1) & (runs[wrong].right_n == 0)
            outcomes.append((f"{right} right, {wrong} wrong", is_outcome_n, (right, wrong)))
    among = int((images.class_n >= 0).sum())
    for title, is_outcome_n, shown in outcomes:
        rows = choose_examples(is_outcome_n, images.class_n, most).tolist()
        examples = tuple(
            Example(
                images.sources[row],
                taxonomy.taxon(int(images.node_n[row])),
                tuple(_make_answer(name, runs[name], row, taxonomy) for name in shown),
                load_thumbnail(images.sources[row]),
            )
            for row in rows
        )
        yield ExampleSet(title, int(is_outcome_n.sum()), among, examples)


def keep_common_images(runs: Mapping[str, RunOutputs]) -> dict[str, RunOutputs]:
    """Returns the runs with the images that all of them have: a model may refuse some. Their order is that of the data set."""
    common = set.intersection(*(set(run.images.sources) for run in runs.values()))
    kept: dict[str, RunOutputs] = {}
    for name, run in runs.items():
        rows = [row for row, source in enumerate(run.images.sources) if source in common]
        images = LabelledNames(
            tuple(run.images.sources[row] for row in rows), run.images.node_n[rows], run.images.class_n[rows]
        )
        kept[name] = replace(
            run, images=images, node_n=run.node_n[rows], share_n=run.share_n[rows], right_n=run.right_n[rows]
        )
    return kept


def _make_answer(name: str, run: RunOutputs, row: int, taxonomy: Taxonomy) -> ExampleAnswer:
    node, share = int(run.node_n[row]), float(run.share_n[row])
    taxon = taxonomy.taxon(node) if node >= 0 else None
    return ExampleAnswer(name, taxon, share if taxon and np.isfinite(share) else None, bool(run.right_n[row]))


def make_rank_points(measures: Sequence[tuple[str, Measure]]) -> tuple[CurvePoint, ...]:
    """Makes a point of the accuracy at each rank; x is the rank's position. Ranks without images are left out."""
    return tuple(
        CurvePoint(float(i), measure.value, measure.low, measure.high, measure.of, rank)
        for i, (rank, measure) in enumerate(measures)
        if measure.value is not None
    )
