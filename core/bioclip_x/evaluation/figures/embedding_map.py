"""Embeddings of images in two dimensions, and how well their neighbourhoods agree with the taxa.

The map is the figure of BioCLIP's intrinsic evaluation (Stevens et al., CVPR 2024, arXiv 2311.18803): t-SNE (van der Maaten &
Hinton, JMLR 2008) of the image embeddings, coloured by taxon at each rank. Distances between clusters of a t-SNE map mean
nothing, so the agreement of nearest neighbours is computed from the embeddings themselves.

Legend: n images, m of them on the map, D embedding dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.figures.confusion import fold_to_rank, list_folds
from bioclip_x.evaluation.intervals import compute_binomial_interval
from bioclip_x.records.evaluation.figures import EmbeddingMap, Neighbours
from bioclip_x.taxonomy import Taxonomy

MOST: Final = 2000
"""Images on a map, at most: a few seconds, and as many points as can be told apart."""
FEWEST: Final = 5
PERPLEXITY: Final = 30.0
COMPONENTS: Final = 50
"""Principal components that t-SNE starts from, as its authors advise."""
AT_A_TIME: Final = 1 << 22


def make_embedding_map(
    features_nD: npt.ArrayLike,
    sources: Sequence[str],
    node_n: Ints,
    taxonomy: Taxonomy,
    model: str,
    *,
    most: int = MOST,
    seed: int = 0,
) -> EmbeddingMap:
    """Projects the embeddings of at most `most` images. The same input gives the same map.

    features_nD: not all alike; scaled to length 1 here. node_n: the label of each image, -1 for none. model: its name.
    Raises EvaluationError with a remedy where scikit-learn is missing, and where there is nothing to project.
    """
    features_nD = np.asarray(features_nD)
    rows = draw_rows(len(features_nD), most, seed)
    features_mD = normalise(features_nD[rows])
    xy_m2, method = project_embeddings(features_mD, seed)
    folds = {rank: fold_to_rank(np.asarray(node_n)[rows], rank, taxonomy) for rank in list_folds(taxonomy)}
    return EmbeddingMap(
        model=model,
        method=method,
        of=len(features_nD),
        sources=tuple(sources[row] for row in rows.tolist()),
        xy_m2=xy_m2,
        taxa_at={rank: tuple(taxonomy.names[node] if node >= 0 else "" for node in nodes.tolist())
                 for rank, nodes in folds.items()},
        neighbours=compare_neighbours(features_mD, folds),
    )  # fmt: skip


def draw_rows(n: int, most: int, seed: int) -> Ints:
    """Draws at most `most` of n rows without replacement: sorted, int64."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def normalise(features_nD: npt.NDArray[np.floating]) -> Floats:
    """Returns the rows as float64, scaled to length 1; rows of zeros stay."""
    features_nD = features_nD.astype(np.float64)
    length_n1 = np.linalg.norm(features_nD, axis=1, keepdims=True)
    normalised_nD: Floats = features_nD / np.where(length_n1 > 0, length_n1, 1)
    return normalised_nD


def project_embeddings(features_mD: Floats, seed: int = 0) -> tuple[Floats, str]:
    """Projects embeddings by principal components and t-SNE: float64 [m, 2], and the method in words.

    Perplexity is 30, or a third of the number of other images where these are fewer. Raises EvaluationError, see
    `make_embedding_map`.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError:
        raise EvaluationError(
            "maps of embeddings need scikit-learn; install it with: pip install 'bioclip-x[evaluate]'"
        ) from None
    m = len(features_mD)
    if m < FEWEST or not np.ptp(features_mD, axis=0).any():
        reason = f"{m} images are too few" if m < FEWEST else "all embeddings are equal"
        raise EvaluationError(f"no map of the embeddings: {reason}")
    components, perplexity = min(COMPONENTS, m - 1, features_mD.shape[1]), min(PERPLEXITY, (m - 1) / 3)
    reduced_mK = PCA(components, svd_solver="full").fit_transform(features_mD)
    xy_m2 = TSNE(2, perplexity=perplexity, init="pca" if components > 1 else "random", random_state=seed).fit_transform(
        reduced_mK
    )
    return xy_m2.astype(np.float64), f"t-SNE, perplexity {perplexity:.3g}, of {components} principal components"


def compare_neighbours(features_mD: Floats, taxa_at: Mapping[str, Ints]) -> dict[str, Neighbours]:
    """Computes at each rank how often the nearest other image, by cosine, has the same taxon.

    features_mD: rows of length 1. taxa_at: rank → taxon of each image, -1 for none; those without are left out at the rank.
    """
    neighbours = {}
    for rank, taxa_m in taxa_at.items():
        rows = np.flatnonzero(taxa_m >= 0)
        taxa, n = taxa_m[rows], len(rows)
        if n < 2:
            neighbours[rank] = Neighbours(None, None, None, n, None)
            continue
        is_same = taxa[find_nearest(features_mD[rows])] == taxa
        counts = np.unique(taxa, return_counts=True)[1]
        chance = float((counts * (counts - 1)).sum() / (n * (n - 1)))
        low, high = compute_binomial_interval(int(is_same.sum()), n) or (None, None)
        neighbours[rank] = Neighbours(float(is_same.mean()), low, high, n, chance)
    return neighbours


def find_nearest(features_mD: Floats) -> Ints:
    """Returns the row of the largest dot product of each row with another, the first of equals: int64 [m]."""
    m = len(features_mD)
    step, nearest = max(1, AT_A_TIME // m), []
    for start in range(0, m, step):
        cosines = features_mD[start : start + step] @ features_mD.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        nearest.append(cosines.argmax(1))
    return np.concatenate(nearest).astype(np.int64)
