"""Embeds the labelled images of a scorer that classifies by examples. Embeddings of files are cached.

Legend: B images of a batch, n images, D embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bioclip_x.array_types import Ints
from bioclip_x.caches import load_or_fill
from bioclip_x.errors import RecipeError
from bioclip_x.faults import guarded, naming
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset, LoadedEncoder
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import get_image, get_name, get_sample, prepare_dataset
from bioclip_x.images.files import ImageFiles, make_file_source
from bioclip_x.images.loading import load_batches
from bioclip_x.images.memory import make_memory_source
from bioclip_x.messages import list_some, pluralise
from bioclip_x.plugin_versions import identify_code
from bioclip_x.recipe import Recipe
from bioclip_x.records import Source, SupportImages
from bioclip_x.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class SupportSet:
    """Images to be embedded. rows: of the data set, those labelled with a class. class_n: int64 [n], their classes. notes: on
    the others."""

    dataset: Dataset
    rows: Ints
    class_n: Ints
    notes: tuple[str, ...]

    def embed(
        self, registry: Registry, recipe: Recipe, encoder: LoadedEncoder, files: ImageFiles, cache: Path
    ) -> tuple[SupportImages, tuple[str, ...]]:
        """Embeds the images; returns them with notes. Raises RecipeError if none can be used.

        cache: the folder of cached embeddings.
        """
        names = [self.dataset.name(row) for row in self.rows.tolist()]
        key = self._make_key(registry, recipe, encoder, names)
        path = cache / f"{key}.npy" if key else None
        shape = (len(names), encoder.card.dim)
        embeddings_nD = load_or_fill(path, shape, np.float32, lambda array: self._fill(array, recipe, encoder, files))
        is_usable_n = ~np.isnan(embeddings_nD).any(1)
        kept = np.flatnonzero(is_usable_n)
        notes = self.notes
        if lost := [names[row] for row in np.flatnonzero(~is_usable_n)]:
            notes += (f"{pluralise(len(lost), 'example')} cannot be read or used, left out: {list_some(lost, 3)}",)
        if not len(kept):
            raise RecipeError("; ".join(["there is no example to classify by", *notes]))
        kept_names = tuple(names[row] for row in kept.tolist())
        return SupportImages(torch.from_numpy(embeddings_nD[kept]), self.class_n[kept], kept_names), notes

    @torch.inference_mode()
    def _fill(self, embeddings_nD: np.ndarray, recipe: Recipe, encoder: LoadedEncoder, files: ImageFiles) -> None:
        """Writes the embeddings; NaN for images that cannot be read or that the model refuses."""
        sources = (self._make_source(row) for row in self.rows.tolist())
        preprocess = guarded(encoder, "preprocess", encoder.preprocess)
        embeddings_nD[:] = np.nan
        start = 0
        for batch in load_batches(
            sources, preprocess, batch_size=recipe.batch_size, workers=recipe.workers, files=files
        ):
            rows = [start + i for i, one in enumerate(batch) if one.pixels is not None]
            start += len(batch)
            if not rows:
                continue
            with naming(encoder, "encode_images"):
                features = encoder.encode_images(torch.stack([one.pixels for one in batch if one.pixels is not None]))
            accepted = [i for i, refusal in enumerate(features.refused_B) if not refusal]
            embeddings_nD[[rows[i] for i in accepted]] = features.embeddings_BD[accepted].numpy()

    def _make_source(self, row: int) -> Source:
        name = get_name(self.dataset, row)
        image = get_image(self.dataset, row, name)
        return make_file_source(str(image)) if isinstance(image, str | Path) else make_memory_source(name, image)

    def _make_key(self, registry: Registry, recipe: Recipe, encoder: LoadedEncoder, names: Sequence[str]) -> str:
        """Returns a hash of the model, its code and the images (by name, size and time); "" where an image is no local file."""
        try:
            stats = [Path(name).stat() for name in names]
        except (OSError, ValueError):
            return ""
        card = encoder.card
        content = [
            [
                card.name,
                card.revision,
                card.files,
                card.precision,
                card.preprocessing,
                recipe.preprocess,
                recipe.truncated,
            ],
            identify_code(registry, encoders=[recipe.encoder.name]),
            [[str(Path(name).absolute()), one.st_size, one.st_mtime_ns] for name, one in zip(names, stats)],
        ]
        return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:32]


def find_support(registry: Registry, path: Path, taxonomy: Taxonomy, files: ImageFiles) -> SupportSet:
    """Finds the labelled images of a folder of class folders, or of a table, among the taxonomy's classes.

    Notes say which labels are no class, and how many classes have no image. Raises RecipeError if there is no image of a class.
    """
    dataset = _make_dataset(registry, path)
    files.serve(dataset)
    notes = prepare_dataset(dataset, taxonomy)
    node_n = np.array([get_sample(dataset, row).node for row in range(len(dataset))], np.int64)
    class_n = np.where(node_n >= 0, taxonomy.class_of_N[node_n], -1).astype(np.int64)
    rows = np.flatnonzero(class_n >= 0)
    if inner := int((node_n >= 0).sum()) - len(rows):
        notes.append(f"{pluralise(inner, 'example')} labelled above the classes left out")
    if not len(rows):
        raise RecipeError("; ".join([f"{path} has no image of a class of {taxonomy.source}", *notes]))
    return SupportSet(dataset, rows, class_n[rows], tuple(notes))


def _make_dataset(registry: Registry, path: Path) -> Dataset:
    """Makes the data set that reads a path. Raises RecipeError if there is none."""
    file_type = "folder" if path.is_dir() else path.suffix.lower()
    known: list[str] = []
    for name, target in registry.targets("datasets").items():
        capabilities = get_capabilities(target, DatasetCapabilities)
        if path.exists() and file_type in capabilities.reads:
            dataset: Dataset = registry.make("datasets", name, {capabilities.path_option: path})
            return dataset
        known += [suffix for suffix in capabilities.reads if suffix.startswith(".")]
    problem = "is no such file" if path.exists() else "does not exist"
    raise RecipeError(
        f"{path} {problem}; expected a folder of folders named by class, or a table ({', '.join(known)}) with the columns "
        "path and label"
    )
