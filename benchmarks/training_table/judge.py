"""Judges a trained model on the photos: accuracy by rank, severity, and few-shot on species it was not trained on.

The photos are embedded once. Those of the test parts are named among all trained classes by what the model brings: the
texts that it was trained with, or its linear head; if it has neither, by the nearest mean of the training photos. Genus and
family are those of the class named, so that no figure depends on a temperature.

Legend: n photos, D embedding, C classes, w ways, q queries.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from training_table.photos import ARRAY, SETS, Photo, read_photos

from bioclip_x import Classifier, Taxonomy
from bioclip_x.evaluation.labelled_logits import LabelledLogits, find_top_logits
from bioclip_x.records import ImageFeatures, Source
from bioclip_x.taxonomy import TAXON
from bioclip_x.taxonomy.scoring.severity import compute_lca_heights, find_taxa_at_rank

RANKS = ("species", "genus", "family")
SHOTS, DRAWS = (1, 5), 50
GROUPS = {**{dataset: (dataset,) for dataset in SETS}, "both": SETS}
BATCH = 64
TRAINED = 6
"""Every sixth training photo is embedded, for the means."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def judge(model: Path, folder: Path, *, by_nearest_mean: bool) -> dict[str, Any]:
    """Returns the figures of a model, of each data set and of both.

    folder: of the prepared photos. by_nearest_mean: photos are named by the nearest mean, not as the model says of itself.
    """
    classifier = Classifier(f"local-dir:{model}")
    taxonomy = classifier.taxonomy
    photos = read_photos(folder)
    rows = [row for row, photo in enumerate(photos) if photo.part != "train" or row % TRAINED == 0]
    photos = [photos[row] for row in rows]
    feature_nD = embed(classifier, read_pixels(classifier, folder, rows))
    class_n = find_classes(photos, taxonomy)
    part_n = np.array([photo.part for photo in photos])
    if by_nearest_mean:
        named_n = name_by_nearest_mean(feature_nD, class_n, part_n == "train")
    else:
        named_n = name_by_scorer(classifier, feature_nD, class_n)
    figures = {}
    for group, datasets in GROUPS.items():
        of_group_n = np.isin([photo.dataset for photo in photos], datasets)
        test_n, validate_n = (of_group_n & (part_n == part) for part in ("test", "validate"))
        figures[group] = measure_names(named_n[test_n], class_n[test_n], taxonomy)
        figures[group]["validation top1"] = float((named_n[validate_n] == class_n[validate_n]).mean())
        figures[group] |= measure_few_shot([p.label for p in photos], part_n, feature_nD, of_group_n)
    return figures


def read_pixels(classifier: Classifier, folder: Path, rows: Sequence[int]) -> Floats:
    """Returns photos as the model takes them: float32 [n, 3, H, W]. Kept in a file, since all models preprocess alike."""
    key = hashlib.sha256(repr((classifier.encoder.card.preprocessing, rows)).encode()).hexdigest()[:8]
    path = folder / f"pixels-{key}.npy"
    if not path.exists():
        photos = np.load(folder / ARRAY)[rows]
        pixels = np.stack([classifier.encoder.preprocess(Image.fromarray(photo)).numpy() for photo in photos])
        part = path.with_name(f"{os.getpid()}-{path.name}")
        np.save(part, pixels)
        part.replace(path)
    pixels_n3HW: Floats = np.load(path, mmap_mode="r")
    return pixels_n3HW


@torch.inference_mode()
def embed(classifier: Classifier, pixels_n3HW: Floats) -> Floats:
    """Embeds photos: float32 [n, D], rows L2-normalised."""
    parts = []
    for start in range(0, len(pixels_n3HW), BATCH):
        pixels_B3HW = torch.from_numpy(pixels_n3HW[start : start + BATCH].copy())
        parts.append(classifier.encoder.encode_images(pixels_B3HW).embeddings_BD.float())
    embedding_nD: Floats = torch.cat(parts).numpy()
    return embedding_nD


def find_classes(photos: Sequence[Photo], taxonomy: Taxonomy) -> Ints:
    """Returns the class of each photo, -1 for the species left out: int64 [n]."""
    class_of = {taxonomy.class_taxon(c).name: c for c in range(taxonomy.n_classes)}
    return np.array([class_of.get(photo.label, -1) for photo in photos], np.int64)


@torch.inference_mode()
def name_by_scorer(classifier: Classifier, feature_nD: Floats, class_n: Ints) -> Ints:
    """Returns the class with the largest logit: int64 [n]."""
    parts = []
    for start in range(0, len(feature_nD), BATCH):
        feature_BD = torch.from_numpy(feature_nD[start : start + BATCH])
        sources = [Source(str(start + row)) for row in range(len(feature_BD))]
        scored = classifier.score(ImageFeatures(feature_BD, ("",) * len(feature_BD)), sources)
        truth_B = torch.from_numpy(class_n[start : start + BATCH])
        parts.append(find_top_logits(LabelledLogits(scored, truth_B, sources)).best_B.numpy())
    return np.concatenate(parts)


def name_by_nearest_mean(feature_nD: Floats, class_n: Ints, is_train_n: npt.NDArray[np.bool_]) -> Ints:
    """Returns the class whose training photos' normalised mean is most similar to each photo: int64 [n]."""
    classes = np.unique(class_n[is_train_n])
    mean_CD = np.stack([feature_nD[is_train_n & (class_n == c)].mean(0) for c in classes])
    return classes[(feature_nD @ normalise(mean_CD).T).argmax(1)]


def measure_names(named_n: Ints, class_n: Ints, taxonomy: Taxonomy) -> dict[str, float]:
    """Returns top-1, the accuracy at each rank over photos with a taxon there, and the mean severity of mistakes.

    Severity is the height of the lowest common ancestor (Bertinetto et al. 2020, arXiv 1912.09393).
    """
    figures = {"top1": float((named_n == class_n).mean())}
    for rank in RANKS:
        named_at_n, true_at_n = (find_taxa_at_rank(c, rank, taxonomy) for c in (named_n, class_n))
        has_n = taxonomy.kind_N[true_at_n] == TAXON
        figures[rank] = float((named_at_n == true_at_n)[has_n].mean())
    height_n = compute_lca_heights(taxonomy.leaf_node_C[named_n], class_n, taxonomy)
    figures["severity"] = float(height_n[named_n != class_n].mean())
    return figures


def measure_few_shot(
    labels: Sequence[str], part_n: npt.NDArray[np.str_], feature_nD: Floats, of_group_n: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Returns the mean accuracy over draws of k labelled photos of each species left out, by the nearest centroid.

    As BioCLIP's few-shot evaluation (Stevens et al. 2024, arXiv 2311.18803, section 4.2) and SimpleShot (Wang et al. 2019, arXiv
    1911.04623): features are centred on the mean of the training photos, then L2-normalised. The draws are the same for
    all models.
    """
    label_n = np.array(labels)
    feature_nD = normalise(feature_nD - feature_nD[part_n == "train"].mean(0))
    support_n, query_n = (np.flatnonzero(of_group_n & (part_n == part)) for part in ("support", "query"))
    species = np.unique(label_n[support_n])
    truth_q = np.searchsorted(species, label_n[query_n])
    figures = {}
    for shots in SHOTS:
        rng = np.random.default_rng(shots)
        right = []
        for _ in range(DRAWS):
            drawn = [rng.choice(support_n[label_n[support_n] == one], shots, replace=False) for one in species]
            centroid_wD = normalise(np.stack([feature_nD[rows].mean(0) for rows in drawn]))
            right.append(float(((feature_nD[query_n] @ centroid_wD.T).argmax(1) == truth_q).mean()))
        figures[f"{shots}-shot"] = float(np.mean(right))
    return figures


def normalise(x_nD: Floats) -> Floats:
    """L2-normalises rows."""
    return x_nD / np.linalg.norm(x_nD, axis=1, keepdims=True)
