"""Makes the order of a run's images from its data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from bioclip_x.capabilities import DatasetCapabilities
from bioclip_x.components import Dataset, SequentialDataset
from bioclip_x.faults import naming
from bioclip_x.registry import get_capabilities
from bioclip_x.training.config import Data, TrainConfig
from bioclip_x.training.data.dataset_checks import list_nodes
from bioclip_x.training.data.order import EpochOrder, Source


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
