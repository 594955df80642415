"""Rows that are near a reference set: images that would leak from the training set into those held out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bioclip_x.array_types import Ints
from bioclip_x.dataset.duplicates.bands import find_pairs_across
from bioclip_x.dataset.duplicates.clusters import Embeddings, read_unit
from bioclip_x.dataset.duplicates.columns import NEAR, Rows, read_ints, read_rows
from bioclip_x.dataset.duplicates.exact import find_exact_across
from bioclip_x.dataset.duplicates.hashing import Hashes, count_bits
from bioclip_x.dataset.duplicates.perceptual import check_distance, read_hashes
from bioclip_x.errors import DatasetError

BLOCK = 4096


def find_across(
    rows: Rows,
    reference: Rows,
    *,
    distance: int = 4,
    embeddings: tuple[Embeddings, Ints] | None = None,
    reference_embeddings: tuple[Embeddings, Ints] | None = None,
    cosine: float = 0.95,
) -> pa.Table:
    """Finds the rows near a reference row: of the same bytes, within `distance` bits, or of at least this cosine.

    rows, reference: `row`, `sha256`, `phash`, as the finders of duplicates take them; the numbers of the two are of their own.
    embeddings, reference_embeddings: matrices [N, D] with the rows they belong to, both or neither; all pairs are compared, so
    nothing is missed, and the time is proportional to both numbers.
    Returns `NEAR`: for each row and kind the nearest reference (equal ones: the lowest number), sorted by row and kind.
    """
    if (embeddings is None) != (reference_embeddings is None):
        raise DatasetError("embeddings are needed of both the rows and the reference, or of neither")
    found = find_exact_across(rows, reference)
    exact = _make(read_ints(found, "row"), read_ints(found, "reference"), "exact", np.zeros(found.num_rows))
    parts = [exact, find_perceptual_across(rows, reference, distance)]
    if embeddings is not None and reference_embeddings is not None:
        parts.append(find_semantic_across(*embeddings, *reference_embeddings, cosine))
    return pa.concat_tables(parts).sort_by([("row", "ascending"), ("kind", "ascending")])


def find_perceptual_across(rows: Rows, reference: Rows, distance: int = 4) -> pa.Table:
    """The part of `find_across` by perceptual hash. Images that show nothing are near nothing."""
    check_distance(distance)
    rows_N, hashes_N = _read(rows)
    references_M, references_hashes_M = _read(reference)
    # The nearest, then the one that is first: one number to be the least of.
    n_references = len(references_M)
    best_N = np.full(len(rows_N), (distance + 1) * n_references)
    for left, right in find_pairs_across(references_hashes_M, hashes_N, distance):
        bits = count_bits(references_hashes_M[left] ^ hashes_N[right]).astype(np.int64)
        np.minimum.at(best_N, right, bits * n_references + left)
    is_near = best_N < (distance + 1) * n_references
    bits, nearest = np.divmod(best_N[is_near], max(n_references, 1))
    return _make(rows_N[is_near], references_M[nearest], "perceptual", bits)


def find_semantic_across(
    embeddings_ND: Embeddings, rows_N: Ints, references_MD: Embeddings, references_M: Ints, cosine: float = 0.95
) -> pa.Table:
    """The part of `find_across` by embedding; distances are cosine distances, 1 - cosine."""
    if embeddings_ND.shape[1:] != references_MD.shape[1:]:
        raise DatasetError(
            f"embeddings of {embeddings_ND.shape[1:]} and {references_MD.shape[1:]} numbers cannot be compared"
        )
    if not -1 < cosine <= 1:
        raise DatasetError(f"the cosine must be more than -1 and at most 1, not {cosine}")
    by_row = np.argsort(references_M)
    best_N, nearest_N = np.full(len(rows_N), -np.inf, np.float32), np.zeros(len(rows_N), np.int64)
    for first in range(0, len(by_row), BLOCK):
        part = by_row[first : first + BLOCK]
        part_PD = read_unit(references_MD, part)
        for begin in range(0, len(rows_N), BLOCK):
            block = np.arange(begin, min(begin + BLOCK, len(rows_N)))
            cosines_BP = read_unit(embeddings_ND, block) @ part_PD.T
            best = cosines_BP.argmax(1)
            cosines_B = cosines_BP[np.arange(block.size), best]
            better = cosines_B > best_N[block]
            best_N[block[better]], nearest_N[block[better]] = cosines_B[better], part[best[better]]
    # A float32 cosine of equal vectors can be a rounding error below 1.
    is_near = best_N >= cosine - 1e-6
    return _make(rows_N[is_near], references_M[nearest_N[is_near]], "semantic", np.maximum(0, 1 - best_N[is_near]))


def _read(rows: Rows) -> tuple[Ints, Hashes]:
    table = read_rows(rows, ("row", "phash"))
    rows_N = read_ints(table, "row")
    hashes_N, positions = read_hashes(table)
    positions = positions[np.argsort(rows_N[positions])]
    return rows_N[positions], hashes_N[positions]


def _make(rows_N: Ints, references_N: Ints, kind: str, distances_N: object) -> pa.Table:
    columns = [rows_N, references_N, [kind] * len(rows_N), distances_N]
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, NEAR)], schema=NEAR)
