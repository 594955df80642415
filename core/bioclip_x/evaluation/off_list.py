"""Embeds images of no listed class, which need no labels.

Legend: n images, D embedding dimension.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from bioclip_x.errors import CalibrationError
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.faults import guarded, naming
from bioclip_x.images.loading import load_batches
from bioclip_x.images.sources import expand_sources
from bioclip_x.inference.classifier import Classifier
from bioclip_x.inference.precomputed import skip_decoding
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records import Source


@torch.inference_mode()
def add_off_list_images(
    images: LabelledImages, classifier: Classifier, paths: Sequence[str | os.PathLike[str]]
) -> LabelledImages:
    """Returns the images and, with the label -1, those of files, folders, globs and tables, which show no listed class.

    Those that the model itself declines to name are left out and counted in a note. Raises CalibrationError if none can be used.
    """
    features, sources, unreadable, refused = [images.features_nD], list(images.sources), [], 0
    recipe, scorer = classifier.recipe, classifier.precomputed_scorer
    found = expand_sources(paths, files=classifier.files)
    if scorer:
        batches = skip_decoding(found, scorer, classifier.files, batch_size=recipe.batch_size, with_thumbnail=False)
    else:
        preprocess = guarded(classifier.encoder, "preprocess", classifier.encoder.preprocess)
        batches = load_batches(
            found, preprocess, batch_size=recipe.batch_size, workers=recipe.workers, files=classifier.files
        )
    for batch in batches:
        unreadable += [f"{one.source.name}: {one.error}" for one in batch if one.error]
        read = [(one.source, one.pixels) for one in batch if one.pixels is not None]
        if not read:
            continue
        with naming(classifier.encoder, "encode_images"):
            encoded = classifier.encoder.encode_images(torch.stack([pixels for _, pixels in read]))
        accepted = [row for row, reason in enumerate(encoded.refused_B) if not reason]
        refused += len(read) - len(accepted)
        features.append(encoded.embeddings_BD[accepted])
        sources += [Source(read[row][0].name) for row in accepted]
    added = len(sources) - len(images.sources)
    what = list_some([str(path) for path in paths], 2)
    if not added and not refused:
        raise CalibrationError(f"--off-list {what} has no usable image; " + list_some(unreadable, 3))
    notes = [f"{pluralise(added, 'image')} of {what} count as off the list"]
    if refused:
        notes.append(f"{pluralise(refused, 'off-list image')} are refused by the model itself, and take no part")
    if unreadable:
        notes.append(f"{pluralise(len(unreadable), 'off-list image')} cannot be used: {list_some(unreadable, 3)}")
    none_n = np.full(added, -1, np.int64)
    return replace(
        images,
        features_nD=torch.cat(features),
        sources=tuple(sources),
        node_n=np.concatenate([images.node_n, none_n]),
        class_n=np.concatenate([images.class_n, none_n]),
        notes=(*images.notes, *notes),
        unreadable=(*images.unreadable, *unreadable),
    )
