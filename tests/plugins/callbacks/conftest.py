"""A run, and events of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.records import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x.training.config import make_config


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    fields = {
        "model": "x",
        "taxonomy": "t.csv",
        "text": "scientific",
        "data": "image-folder:i",
        "epochs": 9,
        "batch_size": 4,
    }
    folder = tmp_path / "my-run"
    folder.mkdir()
    taxonomy: Any = None
    return RunContext(make_config(fields), folder, taxonomy, None, None, 0, 90, {}, lambda: None)


@pytest.fixture
def step(run: RunContext) -> Callable[..., StepEnd]:
    def make(number: int, loss: float = 0.5, norm: float = 2.0) -> StepEnd:
        return StepEnd(
            step=number,
            epoch=1,
            loss=loss,
            learning_rate=1e-3,
            logit_scale=14.0,
            images_per_second=100.0,
            folder=run.folder,
            losses={"unicl": loss / 2, "hxe": loss / 2},
            gradient_norm=norm,
            data_wait=0.01,
            data_wait_fraction=0.25,
            memory=1 << 20,
        )

    return make


@pytest.fixture
def validated(run: RunContext) -> Callable[..., Validated]:
    def make(number: int, value: float, *, metric: str = "species_top1") -> Validated:
        return Validated(number, 1, {metric: value, "genus_top1": 0.75}, metric, True, 40, 1.5, run.folder)

    return make


@pytest.fixture
def epoch(run: RunContext) -> EpochEnd:
    return EpochEnd(1, 0.75, run.folder)
