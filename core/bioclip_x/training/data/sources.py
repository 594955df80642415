"""Makes the loader of a run's batches from its data sets, texts and model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset, SequentialDataset
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import Data, TrainConfig
from bioclip_x.training.data.augment import View, find_least_side
from bioclip_x.training.data.dataset_checks import list_nodes
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.loader import ChunkMaker, Loader
from bioclip_x.training.data.order import EpochOrder, Source
from bioclip_x.training.data.tokens import Tokens

if TYPE_CHECKING:
    from bioclip_x.training.components import Parts

MAX_WORKERS: Final = 16


def make_loader(
    config: TrainConfig, parts: Parts, world: World, find_image_size: Callable[[int], tuple[int, int]]
) -> Loader:
    """Makes the loader of this process's batches. find_image_size: see `Loader`."""
    encoder = parts.encoder
    augments = (config.augment, *[config.views or config.augment] * parts.loss.views)
    view, files = View(encoder.image_size, encoder.resize_mode, encoder.interpolation), parts.files
    if config.shrink_jpegs:
        sizes = [encoder.image_size, *((phase.image_size,) * 2 for phase in config.phases if phase.image_size)]
        files = files.shrinking(
            max(find_least_side(replace(view, size=size), one) for size in sizes for one in augments)
        )
    make = ChunkMaker(
        ImageReader(parts.datasets, files),
        parts.texts,
        Tokens(encoder.make_tokenizer()),
        view,
        augments=augments,
        prefixes=tuple(data.prefix for data in config.data),
        texts_per_image=config.texts_per_picture,
        text_per=config.text_per,
        seed=config.seed,
    )
    return Loader(
        make,
        make_order(config, parts.datasets),
        config.batch_size,
        min(os.cpu_count() or 1, MAX_WORKERS) if config.workers is None else config.workers,
        rank=world.rank,
        size=world.size,
        pin=encoder.device.type == "cuda",
        find_image_size=find_image_size,
    )


def make_order(config: TrainConfig, datasets: Sequence[Dataset]) -> EpochOrder:
    """Makes the order of a run's images. datasets: those of `config.data`, prepared."""
    sources = [_make_source(data, dataset) for data, dataset in zip(config.data, datasets)]
    return EpochOrder(tuple(sources), config.seed, config.shuffle_shards)


def _make_source(data: Data, dataset: Dataset) -> Source:
    blocks: Sequence[int] = ()
    if get_capabilities(dataset, DatasetCapabilities).sequential:
        with naming(dataset, "blocks"):
            blocks = cast(SequentialDataset, dataset).blocks()
    nodes_N = list_nodes(dataset) if data.balance else None
    return Source(len(dataset), data.share, data.balance, nodes_N, tuple(blocks))
