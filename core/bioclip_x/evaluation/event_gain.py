"""What it gains to decide on all images of an event together.

Legend: n images, e events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.correctness import compare_with_truth
from bioclip_x.evaluation.intervals import Interval, compute_difference_interval, compute_proportion_interval
from bioclip_x.evaluation.predictions import ImagePredictions, join_predictions, read_predictions
from bioclip_x.events.grouping import group_sources, parse_grouping
from bioclip_x.images.files import make_file_source
from bioclip_x.records import Measure

if TYPE_CHECKING:
    from bioclip_x.evaluation.labelled_images import LabelledImages
    from bioclip_x.inference.classifier import Classifier

ALONE: Final = "top-1 of images on their own"
TOGETHER: Final = "top-1 by event"
GAIN: Final = "gain of events"


def find_events(classifier: Classifier, names: Sequence[str]) -> list[Ints]:
    """Returns the positions of the images of each event, by the recipe's `event_by`; an image without an event is alone.

    names: paths of the images. Raises EvaluationError for a grouping by column, which data sets do not tell, and for images
    that are no files.
    """
    grouping = parse_grouping(classifier.recipe.event_by or "")
    if grouping.kind == "column":
        raise EvaluationError("--event-by: data sets have no further columns; group by folder, or by time (60s)")
    if no_file := next((name for name in names if not Path(name).is_file()), None):
        raise EvaluationError(f"--event-by: {no_file!r} is no file, whose folder and time would tell its event")
    position_of: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        position_of.setdefault(name, []).append(position)
    sources = [make_file_source(name) for name in names]
    events: dict[str, list[int]] = {}
    for number, one in enumerate(group_sources(sources, grouping, classifier.files.read_metadata)):
        events.setdefault(one.event or f"\0{number}", []).append(position_of[one.name].pop(0))
    return [np.array(sorted(positions), np.int64) for positions in events.values()]


@torch.inference_mode()
def predict_events(
    classifier: Classifier, images: LabelledImages, rows: Ints, events: Sequence[Ints]
) -> ImagePredictions:
    """Returns for each of the images `rows` what is decided on its event, in that order. events: positions in `rows`."""
    order = np.concatenate(list(events))
    parts = []
    for positions in events:
        scored, sources = images.score(classifier, rows[positions])
        scores, is_excluded_B = classifier.decide_event(scored, sources)
        one = read_predictions(scores, classifier.taxonomy, np.array(is_excluded_B, bool))
        parts += [one] * len(positions)
    together = join_predictions(parts)
    back = np.argsort(order)
    return ImagePredictions(together.best_nk[back], {rank: node_n[back] for rank, node_n in together.of_rank.items()})


def measure_event_gain(
    classifier: Classifier, images: LabelledImages, rows: Ints, alone: ImagePredictions
) -> Mapping[str, Measure]:
    """Measures top-1 accuracy of images on their own and by event, means over events, and the paired difference.

    Intervals are over events: the images of one have the same answer. alone: the predictions of the images `rows`. Images
    labelled above the classes are left out, as in top-1. Raises EvaluationError where the events are the labels.
    """
    events = find_events(classifier, [images.sources[row].name for row in rows.tolist()])
    truth_n = images.node_n[rows]
    labels = [frozenset(truth_n[positions].tolist()) for positions in events]
    if len(events) > 1 and all(len(one) == 1 for one in labels) and len(set(labels)) == len(labels):
        raise EvaluationError(
            "--event-by: each event is all images of one label, as in a folder per class; the gain would be the label's. "
            "Group by time (60s), or give a table of images in folders of their own"
        )
    right_n = compare_with_truth(alone, truth_n, classifier.taxonomy).right_n
    together = predict_events(classifier, images, rows, events)
    event_right_n = compare_with_truth(together, truth_n, classifier.taxonomy).right_n
    counted = [positions[right_n[positions] >= 0] for positions in events]
    counted = [positions for positions in counted if len(positions)]
    alone_e = np.array([right_n[positions].mean() for positions in counted])
    together_e = np.array([event_right_n[positions].mean() for positions in counted])
    return {
        ALONE: _make_measure(alone_e, compute_proportion_interval(alone_e)),
        TOGETHER: _make_measure(together_e, compute_proportion_interval(together_e)),
        GAIN: _make_measure(together_e - alone_e, compute_difference_interval(together_e - alone_e)),
    }


def _make_measure(value_e: Floats, interval: Interval | None) -> Measure:
    low, high = interval or (None, None)
    return Measure(float(value_e.mean()) if len(value_e) else None, low, high, len(value_e))
