"""How well captions fit their images, as a prefix of the caption: noise-aware captioning.

W. Kang, J. Mun, S. Lee, B. Roh, "Noise-Aware Learning from Web-Crawled Image-Text Data for Image Captioning", ICCV 2023, arXiv
2212.13563. The cosine similarity of image and caption, by a CLIP model, is divided into bins ("alignment levels"), and a model is
trained on captions together with their level. So it learns of poor captions, too, without writing such: at inference the level is
set to a high one. Here the level is a prefix in plain words, which any text encoder reads:

- in training, `prefix_caption(caption, bin, bins)`;
- at inference, wherever a text takes the place of such a caption, the prefix of the best bin: `prefix_caption(text, bins, bins)`.
  Texts that had no prefix in training (names of taxa) have none then.

Legend: n images, D embedding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.errors import ComponentError, DatasetError, ImageError
from bioclip_x.faults import guarded, log_row, naming
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.hooks.returned import check_features, check_tensor
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.loading import load_batches
from bioclip_x.records import Decoded, Source

if TYPE_CHECKING:
    import torch

Spacing = Literal["uniform", "quantile"]

BINS: Final = 8
"""As in the authors' code (github.com/kakaobrain/noc)."""


def bin_similarities(
    similarity_n: npt.ArrayLike, bins: int = BINS, spacing: Spacing = "uniform"
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Divides similarities into bins, and returns the edges, float64 [bins + 1], ascending, and the bin of each, int64 [n].

    spacing: "uniform" for bins of equal width from the least to the greatest similarity, as in the authors' code; "quantile"
        for bins of equal numbers of images (numpy's quantiles), which outliers do not move.
    Bins are numbered from 1, the worst, to `bins`, the best; see `assign_bins`. NaN, for an image without similarity, has bin 0.
    Raises DatasetError for less than one bin, and where no similarity is finite.

    >>> bin_similarities([0.125, 0.25, 0.375, 0.625], 2)[1].tolist()
    [1, 1, 2, 2]
    """
    similarity = np.asarray(similarity_n, np.float64)
    if bins < 1:
        raise DatasetError(f"expected a number of quality bins of at least 1, got {bins}")
    finite = similarity[np.isfinite(similarity)]
    if not len(finite):
        raise DatasetError("expected similarities of images and captions, got none that is finite")
    if spacing == "quantile":
        edges = np.quantile(finite, np.linspace(0, 1, bins + 1))
    else:
        edges = np.linspace(finite.min(), finite.max(), bins + 1)
    return edges, assign_bins(similarity, edges)


def assign_bins(similarity_n: npt.ArrayLike, edges: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Returns the bin of each similarity, int64 [n]: 1 + the number of inner edges at or below it; 0 where it is not finite.

    edges: ascending, [bins + 1], of `bin_similarities`, perhaps of other images: the training set's serve for all. Similarities
    beyond the outer edges are in the first and the last bin.
    """
    similarity = np.asarray(similarity_n, np.float64)
    bin_n = np.searchsorted(np.asarray(edges, np.float64)[1:-1], similarity, side="right") + 1
    return np.where(np.isfinite(similarity), bin_n, 0).astype(np.int64)


def prefix_caption(caption: str, number: int, bins: int = BINS) -> str:
    """Returns a caption with its quality before it; bin 0, of unknown quality, gives the caption alone.

    At inference `number` is `bins`. Raises DatasetError for a bin beyond the last.

    >>> prefix_caption("A bird on a branch.", 8)
    'quality 8 of 8: A bird on a branch.'
    """
    if not 0 <= number <= bins:
        raise DatasetError(f"expected a quality bin from 0 to {bins}, got {number}")
    return f"quality {number} of {bins}: {caption}" if number else caption


def measure_similarities(
    encoder: LoadedEncoder,
    pairs: Iterable[tuple[Source, str]],
    *,
    batch_size: int = 32,
    workers: int | None = None,
    files: ImageFiles | None = None,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yields the cosine similarity of images and their captions, batch by batch in order, float32 [n of the batch].

    NaN for an image that cannot be read or embedded. Captions longer than the model's context are truncated by it. Memory is
    that of a few batches. encoder: a model of `load_encoder`; another one than is trained. files: how image files are read; None
    for Pillow's formats only.
    """
    waiting: deque[str] = deque()

    def take_sources() -> Iterator[Source]:
        for source, caption in pairs:
            waiting.append(caption)
            yield source

    preprocess = guarded(encoder, "preprocess", encoder.preprocess)
    for batch in load_batches(take_sources(), preprocess, batch_size=batch_size, workers=workers, files=files):
        captions = [waiting.popleft() for _ in batch]
        yield _measure_or_divide(encoder, batch, captions)


def _measure_or_divide(
    encoder: LoadedEncoder, batch: Sequence[Decoded], captions: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Measures a batch; if the model fails, image by image, so that only those at which it fails have no similarity."""
    try:
        return _measure(encoder, batch, captions)
    except (ComponentError, ImageError) as problem:
        if len(batch) > 1:
            return np.concatenate([_measure_or_divide(encoder, [one], [text]) for one, text in zip(batch, captions)])
        log_row(problem)
        return _measure(encoder, [replace(batch[0], pixels=None)], captions)


def _measure(encoder: LoadedEncoder, batch: Sequence[Decoded], captions: Sequence[str]) -> npt.NDArray[np.float32]:
    import torch

    similarity_n = np.full(len(batch), np.nan, np.float32)
    pixels: list[torch.Tensor] = [one.pixels for one in batch if one.pixels is not None]
    rows = [row for row, one in enumerate(batch) if one.pixels is not None]
    if not rows:
        return similarity_n
    with torch.inference_mode():
        with naming(encoder, "encode_images", batch[rows[0]].source.name):
            features = encoder.encode_images(torch.stack(pixels))
        texts = [captions[row] for row in rows]
        with naming(encoder, "encode_texts", f"the texts from {texts[0]!r}"):
            texts_nD = encoder.encode_texts(texts)
        images_nD = check_features(encoder, features, len(rows), encoder.card.dim).embeddings_BD
        check_tensor(encoder, "encode_texts", texts_nD, (len(rows), encoder.card.dim), finite=False)
        similarity_n[rows] = (images_nD.float() * texts_nD.float()).sum(1).numpy()
    return similarity_n
