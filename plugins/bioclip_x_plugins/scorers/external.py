"""Scores of any classifier, read from a file and passed to the same heads and reports; no model or image is loaded.

Legend: B images of a batch, C classes of the taxonomy, n images and m classes of the file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.plugin import (
    SCORE,
    ImageFeatures,
    Logits,
    ModelCard,
    ScorerCapabilities,
    ScoresError,
    Taxonomy,
    TextBank,
    list_some,
    match_columns,
    refuse_unmatched,
    spread_columns,
)
from bioclip_x_plugins.scorers.score_files import ScoreTable, read_scores

Floats = npt.NDArray[np.float64]
Kind = Literal["probabilities", "logits"]

NEAR_ONE: Final = 1e-3
"""Rows of probabilities whose sum differs from 1 by more than this are noted; less is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class _ReadScores:
    """The scores of a file. class_m: int64 [m], ascending, the classes with a column. logits_nm: float32 [n, m].

    taxonomy: the tree, extended by what else has scores. names: of the n images, then of those without scores, whose reasons
    are `failures`.
    """

    taxonomy: Taxonomy
    class_m: npt.NDArray[np.int64]
    logits_nm: torch.Tensor
    names: tuple[str, ...]
    rows: RowFinder
    failures: Mapping[str, str]
    notes: tuple[str, ...]


class ExternalScorer:
    """Reads precomputed class scores.

    Columns that are not in the tree become labels beside it, and those of taxa above the classes become classes, so that their
    shares are not given to others.

    file: a CSV, TSV, Parquet, npz or JSON file (see `score_files` for the formats). kind: probabilities, converted to logs, or
    logits. model: name of the classifier in outputs; if given, a calibration of one file is valid for other files of the
    same classifier.
    """

    capabilities = ScorerCapabilities(needs_embeddings=False)

    def __init__(self, file: Path, *, kind: Kind = "probabilities", model: str = "") -> None:
        self.file, self.kind = file, kind
        self.model = model or f"scores of {file.name}"
        self._is_named = bool(model)
        self._read: _ReadScores | None = None

    @property
    def revision(self) -> str:
        """A hash of the file; "" for a named classifier, which may have many files."""
        return "" if self._is_named else hashlib.sha256(self.file.read_bytes()).hexdigest()[:16]

    def extend(self, taxonomy: Taxonomy, whole: Taxonomy) -> Taxonomy:
        """Reads the file, and returns the tree with the taxa and labels that only the file has. Raises ScoresError."""
        self._read = read_logits(self.file, self.kind, taxonomy, whole)
        return self._read.taxonomy

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Returns notes on columns. taxonomy: as `extend` returned it."""
        return self._prepared.notes

    def image_names(self) -> Sequence[str]:
        """Returns the names of all images of the file."""
        return self._prepared.names

    def problem(self, name: str) -> str:
        """Returns the reason why the image of this name has no scores; "" if it has."""
        read = self._prepared
        row = read.rows.find(name)
        if isinstance(row, str):
            return f"{row} in {self.file.name}"
        return read.failures.get(read.names[row], "")

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns the scores as logits, -inf for a class without a column. Raises ScoresError for an image without a row."""
        scores = self._prepared
        if missing := [f"{name}: {problem}" for name in features.names if (problem := self.problem(name))]:
            raise ScoresError(f"{self.file}: {list_some(missing, 3)}")
        rows = [row for name in features.names if isinstance(row := scores.rows.find(name), int)]
        return spread_columns(scores.logits_nm[rows].T.contiguous(), scores.class_m, scores.taxonomy.n_classes)

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns an empty array, since there are no texts."""
        return np.empty(0, np.float32)

    @property
    def _prepared(self) -> _ReadScores:
        if self._read is None:
            raise ScoresError(f"{self.file} has not been read; call extend(taxonomy, whole) first")
        return self._read


def read_logits(file: Path, kind: Kind, taxonomy: Taxonomy, whole: Taxonomy) -> _ReadScores:
    """Reads a file's scores as logits of the taxonomy's classes and of what the file adds to them. Raises ScoresError."""
    table = read_scores(file)
    logits_nm = _compute_log_probabilities(file, table) if kind == "probabilities" else _fill_missing(table, -np.inf)
    matched = match_columns(table.columns, table.descriptions, taxonomy, whole)
    refuse_unmatched(matched, table.columns, taxonomy, str(file))
    by_class: dict[int, list[int]] = defaultdict(list)
    for column, name in enumerate(table.columns):
        if name in matched.class_of:
            by_class[matched.class_of[name]].append(column)
    class_m = sorted(by_class)
    logits_nm = np.where(logits_nm < -SCORE, -np.inf, logits_nm)
    merged_nm = np.stack([np.logaddexp.reduce(logits_nm[:, by_class[c]], axis=1) for c in class_m], axis=1)
    notes = [
        *_note_sums(table, kind),
        *matched.notes(len(table.columns)),
        *_note_merged(table, by_class, matched.tree),
    ]
    if without := matched.tree.n_classes - len(class_m):
        notes.append(f"{without} of {matched.tree.n_classes} classes have no column in {file.name}, and no share")
    names = (*table.images, *table.failures)
    return _ReadScores(
        matched.tree,
        np.array(class_m, np.int64),
        torch.from_numpy(merged_nm.astype(np.float32)),
        names,
        RowFinder(names),
        table.failures,
        tuple(notes),
    )


def _compute_log_probabilities(file: Path, table: ScoreTable) -> Floats:
    values_nm = _fill_missing(table, 0.0)
    wrong_nm = (values_nm < 0) | (values_nm > 1)
    if wrong_nm.any():
        row, column = (int(at[0]) for at in np.nonzero(wrong_nm))
        raise ScoresError(
            f"{file}, {table.images[row]}: {table.columns[column]!r} has {values_nm[row, column]:g}, which is not a probability; "
            f"if these are logits, use --scorer external:file={file},kind=logits"
        )
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(values_nm)
    return logs


def _fill_missing(table: ScoreTable, missing: float) -> Floats:
    """Fills scores that a long file omits with the lowest possible value."""
    return np.where(np.isnan(table.values_nm), missing, table.values_nm)


def _note_sums(table: ScoreTable, kind: Kind) -> Iterator[str]:
    if kind == "logits":
        return
    sum_n = np.nansum(table.values_nm, axis=1)
    off_n = sum_n[(np.abs(sum_n - 1) > NEAR_ONE) & (sum_n > 0)]
    if len(off_n):
        yield (
            f"the probabilities of {len(off_n)} of {len(sum_n)} images do not sum to 1 (sums from {off_n.min():.3g} to "
            f"{off_n.max():.3g}); they are divided by their sum"
        )


def _note_merged(table: ScoreTable, by_class: dict[int, list[int]], taxonomy: Taxonomy) -> Iterator[str]:
    for class_index, columns in by_class.items():
        if len(columns) > 1 and class_index < taxonomy.n_classes - taxonomy.n_beside:
            named = ", ".join(table.columns[column] for column in columns)
            yield f"{named}: columns of one class, {taxonomy.class_taxon(class_index).name}; their shares are added up"


class RowFinder:
    """Finds an image's row by its path or, failing that, by its file name; parent folders resolve ambiguities."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = {name: row for row, name in enumerate(names)}
        self._paths = [_split_path(name) for name in names]
        self._by_file: dict[str, list[int]] = defaultdict(list)
        for row, parts in enumerate(self._paths):
            self._by_file[parts[-1]].append(row)

    def find(self, name: str) -> int | str:
        """Returns the row, or the reason why there is none."""
        if name in self._exact:
            return self._exact[name]
        parts = _split_path(name)
        rows = self._by_file.get(parts[-1], [])
        if len(rows) > 1:
            ends = [row for row in rows if all(a == b for a, b in zip(reversed(parts), reversed(self._paths[row])))]
            rows = ends or rows
        if len(rows) > 1:
            return f"{len(rows)} rows match"
        return rows[0] if rows else "no row"


def _split_path(name: str) -> tuple[str, ...]:
    """Splits a path at slashes and backslashes.

    >>> _split_path(r".\\birds\\a.jpg")
    ('birds', 'a.jpg')
    """
    parts = name.replace("\\", "/").split("/")
    return tuple(part for part in parts if part not in ("", ".")) or ("",)
