"""Writes what each image of an evaluation is labelled and was named, for other programs to count and to pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bioclip_x.io.delimited import write_cells
from bioclip_x.io.storage.streams import escape_surrogates, open_output

if TYPE_CHECKING:
    from bioclip_x.evaluation.evaluate import ModelImages
    from bioclip_x.evaluation.predictions import ImagePredictions
    from bioclip_x.records import TextEvaluation
    from bioclip_x.taxonomy import Taxonomy

COLUMNS: Final = (
    "image",
    "label",
    "label_rank",
    "model",
    "text",
    "predicted",
    "predicted_rank",
    "probability",
    "right",
    "next",
)
BEST: Final = 5


class PredictionTable:
    """Called by `evaluate` with the outcome of each run.

    A row has an image's path, the taxon and rank of its label, the model, the texts, the taxon named first, its rank and
    probability, 1 or 0 for right and wrong (empty where the label is a taxon above the classes), and the four taxa named next,
    separated by "; ". Of texts that are drawn, the first seed's. safe: names cannot be taken for formulas.
    """

    def __init__(self, *, safe: bool = False) -> None:
        self._rows: list[tuple[str, ...]] = []
        self._safe = safe

    def __call__(self, given: ModelImages, predictions: ImagePredictions, evaluation: TextEvaluation) -> None:
        taxonomy, labels = given.classifier.taxonomy, given.labels
        model = given.classifier.provenance.model
        for row, place in enumerate(given.rows.tolist()):
            best = list(_name(predictions.best_nk[row, :BEST].tolist(), taxonomy))
            label = taxonomy.taxon(int(labels.node_n[row]))
            first = best[0] if best else ("", "")
            right = str(int(best[:1] == [(label.name, label.rank)])) if labels.class_n[row] >= 0 else ""
            self._rows.append(
                (given.images.sources[place].name, label.name, label.rank, model, evaluation.text, *first,
                 f"{predictions.share_n[row]:.6g}", right, "; ".join(name for name, _ in best[1:]))
            )  # fmt: skip

    def write(self, path: Path) -> None:
        """Writes a CSV file, which appears only when it is complete."""
        with open_output(path) as stream:
            write_cells(stream, [COLUMNS], safe=self._safe)
            write_cells(stream, (tuple(map(escape_surrogates, row)) for row in self._rows), safe=self._safe)


def _name(nodes: list[int], taxonomy: Taxonomy) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if node >= 0:
            taxon = taxonomy.taxon(taxonomy.owner(node))
            yield taxon.name, taxon.rank
