"""Clusters of embeddings, inside which semantic duplicates are looked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints
from bioclip_x.dataset.duplicates.columns import INSTALL
from bioclip_x.errors import DatasetError

Embeddings = npt.NDArray[Any]
"""[N, D], float16 or float32, perhaps a np.memmap."""
Floats32 = npt.NDArray[np.float32]

CHUNK: Final = 8192
PER_CLUSTER: Final = 64
"""Embeddings per cluster, at most, from which the centroids are learned."""


@dataclass(frozen=True)
class Clusters:
    """Clusters by k-means. labels_N: of each embedding. similarities_N: cosine to its centroid. centroids_KD: unit vectors."""

    labels_N: Ints
    similarities_N: Floats32
    centroids_KD: Floats32

    def iterate(self) -> Iterator[Ints]:
        """Yields the positions of each cluster's embeddings, ascending."""
        by_label = np.argsort(self.labels_N, kind="stable")
        ends = np.cumsum(np.bincount(self.labels_N, minlength=len(self.centroids_KD)))
        for begin, end in zip(np.concatenate([[0], ends[:-1]]), ends):
            if end > begin:
                yield by_label[begin:end]


def choose_n_clusters(n: int) -> int:
    """The square root of the number of embeddings, with which clustering and comparing take about equally long.

    SemDeDup's configuration has 50,000 for 440 million images, which is 2.4 times as many.
    """
    return max(1, round(math.sqrt(n)))


def cluster_embeddings(embeddings_ND: Embeddings, *, n_clusters: int | None = None, seed: int = 0) -> Clusters:
    """Clusters unit vectors by cosine: k-means on a sample (MiniBatchKMeans), then each to its nearest centroid, in chunks.

    Returns equal clusters for an equal seed and embeddings in an equal order. Raises DatasetError where scikit-learn is not
    installed, and for embeddings that are not finite or zero.
    """
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError:
        raise DatasetError(f"semantic duplicates need scikit-learn, which is not installed; {INSTALL}") from None
    n = len(embeddings_ND)
    n_clusters = choose_n_clusters(n) if n_clusters is None else n_clusters
    if not 1 <= n_clusters <= n:
        raise DatasetError(f"expected 1 to {n} clusters of {n} embeddings, got {n_clusters}")
    if n_clusters == 1:
        centroids_KD = read_unit(embeddings_ND, np.arange(min(n, CHUNK))).mean(0, keepdims=True)
    else:
        chosen = np.random.default_rng(seed).permutation(n)[: max(PER_CLUSTER * n_clusters, CHUNK)]
        sample_SD = read_unit(embeddings_ND, np.sort(chosen))
        means = MiniBatchKMeans(n_clusters, random_state=seed, batch_size=max(CHUNK, n_clusters), n_init=1, max_iter=20)
        centroids_KD = means.fit(sample_SD).cluster_centers_.astype(np.float32)
    norms_K1 = np.linalg.norm(centroids_KD, axis=1, keepdims=True)
    centroids_KD = centroids_KD / np.maximum(norms_K1, 1e-12)
    labels_N, similarities_N = np.empty(n, np.int64), np.empty(n, np.float32)
    for begin in range(0, n, CHUNK):
        part = np.arange(begin, min(begin + CHUNK, n))
        similarities_BK = read_unit(embeddings_ND, part) @ centroids_KD.T
        labels_N[part] = similarities_BK.argmax(1)
        similarities_N[part] = similarities_BK.max(1)
    return Clusters(labels_N, similarities_N, centroids_KD)


def read_unit(embeddings_ND: Embeddings, positions: Ints) -> Floats32:
    """Reads embeddings as unit vectors, float32 [B, D]. Raises DatasetError for zeros and for what is not finite."""
    unit_BD: Floats32 = np.array(embeddings_ND[positions], np.float32)
    norms_B1 = np.linalg.norm(unit_BD, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms_B1) & (norms_B1 > 0)):
        wrong = positions[int(np.argmin(np.isfinite(norms_B1[:, 0]) & (norms_B1[:, 0] > 0)))]
        raise DatasetError(f"embedding {wrong} is zero or not finite; leave out the images that could not be embedded")
    unit_BD /= norms_B1
    return unit_BD
