from __future__ import annotations

from collections.abc import Callable

from bioclip_x.records import EpochEnd, StepEnd, Validated
from bioclip_x_plugins.callbacks.scalars import list_scalars


def test_numbers_by_name(step: Callable[..., StepEnd], validated: Callable[..., Validated], epoch: EpochEnd) -> None:
    assert list_scalars("train", step(3, norm=float("inf"))) == {
        "train/loss": 0.5,
        "train/learning_rate": 1e-3,
        "train/logit_scale": 14.0,
        "train/images_per_second": 100.0,
        "train/losses/unicl": 0.25,
        "train/losses/hxe": 0.25,
        "train/data_wait": 0.01,
        "train/data_wait_fraction": 0.25,
        "train/memory": 2.0**20,
    }
    assert list_scalars("validation", validated(3, 0.5)) == {
        "validation/species_top1": 0.5,
        "validation/genus_top1": 0.75,
        "validation/images": 40.0,
        "validation/seconds": 1.5,
    }
    assert list_scalars("epoch", epoch) == {"epoch/mean_loss": 0.75}
