"""Anybody's class scores, from a file, through the same heads and reports: no model is loaded, no image looked at.

Legend: B images of a batch, C classes of the taxonomy, n images and m classes of the file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.plugin import (
    ImageFeatures,
    Logits,
    ModelCard,
    Resolver,
    ScorerCapabilities,
    ScoresError,
    Taxonomy,
    TextBank,
    list_some,
)
from bioclip_x_plugins.scorers.score_files import ScoreTable, read_scores

Floats = npt.NDArray[np.float64]
Kind = Literal["probabilities", "logits"]

NEAR_ONE: Final = 1e-3
"""A row of probabilities whose sum differs from 1 by more is told of; less is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class _ReadScores:
    """class_m: int64 [m], ascending, the classes that have a column. logits_nm: float32 [n, m]. names: of the n images."""

    taxonomy: Taxonomy
    class_m: npt.NDArray[np.int64]
    logits_nm: torch.Tensor
    names: tuple[str, ...]
    rows: RowFinder
    notes: tuple[str, ...]


class ExternalScorer:
    """file: a CSV, TSV, Parquet or npz file of class scores (`score_files` has the shapes).

    kind: probabilities, of which the logs are taken, or logits. model: what to call the classifier that made them in
    outputs; with it, a calibration made of one file holds for others of the same classifier.
    """

    capabilities = ScorerCapabilities(needs_embeddings=False)

    def __init__(self, file: Path, *, kind: Kind = "probabilities", model: str = "") -> None:
        self.file, self.kind = file, kind
        self.model = model or f"scores of {file.name}"
        self._is_named = bool(model)
        self._read: _ReadScores | None = None

    @property
    def revision(self) -> str:
        """A hash of the file; "" for a classifier that has a name, of which it may be one file of many."""
        return "" if self._is_named else hashlib.sha256(self.file.read_bytes()).hexdigest()[:16]

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Reads the file, and tells what of it was not used. Raises ScoresError."""
        if self._read is None or self._read.taxonomy is not taxonomy:
            self._read = read_logits(self.file, self.kind, taxonomy)
        return self._read.notes

    def image_names(self) -> Sequence[str]:
        """The names of all images that the file has scores for."""
        return self._prepared.names

    def problem(self, name: str) -> str:
        """Why there are no scores for the image of this name, "" if there are."""
        row = self._prepared.rows.find(name)
        if isinstance(row, str):
            return f"{row} in {self.file.name}"
        if not bool((self._prepared.logits_nm[row] > -torch.inf).any()):
            return f"{self.file.name} gives it none of the listed classes"
        return ""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """float32 [C, B] in parts; -inf for a class without a column. Raises ScoresError for an image without a row."""
        read = self._prepared
        rows = [read.rows.find(name) for name in features.names]
        if lost := [f"{name}: {row}" for name, row in zip(features.names, rows) if isinstance(row, str)]:
            raise ScoresError(f"{self.file}: {list_some(lost, 3)}")
        logits_mB = read.logits_nm[[row for row in rows if isinstance(row, int)]].T.contiguous()

        def part(start: int, stop: int) -> torch.Tensor:
            made = torch.full((stop - start, logits_mB.shape[1]), -torch.inf)
            first, last = read.class_m.searchsorted([start, stop]).tolist()
            made[torch.from_numpy(read.class_m[first:last] - start)] = logits_mB[first:last]
            return made

        return Logits(part, len(rows), read.taxonomy.n_classes)

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """None: there are no texts."""
        return np.empty(0, np.float32)

    @property
    def _prepared(self) -> _ReadScores:
        if self._read is None:
            raise ScoresError(f"{self.file} has not been read; call prepare(taxonomy) first")
        return self._read


def read_logits(file: Path, kind: Kind, taxonomy: Taxonomy) -> _ReadScores:
    """The file's scores as logits of the taxonomy's classes. Raises ScoresError."""
    table = read_scores(file)
    logits_nm = _compute_log_probabilities(file, table) if kind == "probabilities" else _fill_missing(table, -np.inf)
    found, lost, doubtful = _match_columns(table.columns, taxonomy)
    if not found:
        hint = [f"{name}: {', '.join(near)}" for name in lost[:3] if (near := Resolver(taxonomy).near(name))]
        raise ScoresError(
            f"{file}: none of its {len(table.columns)} columns ({list_some(table.columns, 3)}) is a class of {taxonomy.source}"
            + (f"; those most alike: {'; '.join(hint)}" if hint else "")
        )
    by_class: dict[int, list[int]] = defaultdict(list)
    for column, name in enumerate(table.columns):
        if name in found:
            by_class[found[name]].append(column)
    class_m = sorted(by_class)
    merged_nm = np.stack([np.logaddexp.reduce(logits_nm[:, by_class[c]], axis=1) for c in class_m], axis=1)
    notes = [*_note_sums(table, kind), *_note_unmatched(table, kind, lost, doubtful), *_note_merged(table, by_class, taxonomy)]
    if without := taxonomy.n_classes - len(class_m):
        notes.append(f"{without} of {taxonomy.n_classes} classes have no column in {file.name}, and no share")
    return _ReadScores(
        taxonomy,
        np.array(class_m, np.int64),
        torch.from_numpy(merged_nm.astype(np.float32)),
        table.images,
        RowFinder(table.images),
        tuple(notes),
    )


def _compute_log_probabilities(file: Path, table: ScoreTable) -> Floats:
    values_nm = _fill_missing(table, 0.0)
    wrong_nm = (values_nm < 0) | (values_nm > 1)
    if wrong_nm.any():
        row, column = (int(at[0]) for at in np.nonzero(wrong_nm))
        raise ScoresError(
            f"{file}, {table.images[row]}: {table.columns[column]!r} has {values_nm[row, column]:g}, which is no probability; "
            f"if these are logits, say --scorer external:file={file},kind=logits"
        )
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(values_nm)
    return logs


def _fill_missing(table: ScoreTable, missing: float) -> Floats:
    """What a long file leaves out is as unlikely as can be."""
    return np.where(np.isnan(table.values_nm), missing, table.values_nm)


def _match_columns(columns: Sequence[str], taxonomy: Taxonomy) -> tuple[dict[str, int], list[str], list[str]]:
    """Column → class; then the columns that name none, and those that fit several."""
    resolver = Resolver(taxonomy)
    fits = {name: resolver.classes(name) for name in columns}
    return (
        {name: classes[0] for name, classes in fits.items() if len(classes) == 1},
        [name for name, classes in fits.items() if not classes],
        [name for name, classes in fits.items() if len(classes) > 1],
    )


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


def _note_unmatched(table: ScoreTable, kind: Kind, lost: Sequence[str], doubtful: Sequence[str]) -> Iterator[str]:
    for names, what in ((lost, "are no class of the list"), (doubtful, "fit several classes")):
        if not names:
            continue
        held = ""
        if kind == "probabilities":
            columns = [table.columns.index(name) for name in names]
            mean = float(np.nansum(table.values_nm[:, columns], axis=1).mean())
            held = f"; they hold {mean:.1%} of the probability on average, which goes to the others in proportion"
        yield f"{len(names)} of {len(table.columns)} columns {what}, and are not used: {list_some(names)}{held}"


def _note_merged(table: ScoreTable, by_class: dict[int, list[int]], taxonomy: Taxonomy) -> Iterator[str]:
    for class_index, columns in by_class.items():
        if len(columns) > 1:
            named = ", ".join(table.columns[column] for column in columns)
            yield f"{named}: columns of one class, {taxonomy.class_taxon(class_index).name}; their shares are added up"


class RowFinder:
    """Finds an image's row: by its path as it stands, else by its file name, among several by the rest of the path."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = {name: row for row, name in enumerate(names)}
        self._paths = [_split_path(name) for name in names]
        self._by_file: dict[str, list[int]] = defaultdict(list)
        for row, parts in enumerate(self._paths):
            self._by_file[parts[-1]].append(row)

    def find(self, name: str) -> int | str:
        """The row, or why there is none."""
        if name in self._exact:
            return self._exact[name]
        parts = _split_path(name)
        rows = self._by_file.get(parts[-1], [])
        if len(rows) > 1:
            ends = [row for row in rows if all(a == b for a, b in zip(reversed(parts), reversed(self._paths[row])))]
            rows = ends or rows
        if len(rows) > 1:
            return f"{len(rows)} rows may be meant"
        return rows[0] if rows else "no row"


def _split_path(name: str) -> tuple[str, ...]:
    """
    >>> _parts(r".\\birds\\a.jpg")
    ('birds', 'a.jpg')
    """
    parts = name.replace("\\", "/").split("/")
    return tuple(part for part in parts if part not in ("", ".")) or ("",)
