"""Each contrastive loss in a run: from the configuration through the towers, the log and a resumed run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from bioclip_x.hooks.registry import create_registry
from bioclip_x.training.config import read_config
from bioclip_x.training.trainer import Trainer
from core.training.conftest import config_fields, one_thread  # noqa: F401 - fixtures

RUNS: dict[str, dict[str, Any]] = {
    "clip": {},
    "siglip": {},
    "unicl": {},
    "level-restricted": {"text_ranks": ["genus", "species"]},
    "himulcon": {},
    "simclr": {"loss": ["clip", {"name": "simclr", "width": 16, "output_dim": 8, "weight": 0.5}]},
    "declip": {"loss": ["clip", {"name": "declip", "queue": 40}], "texts_per_picture": 2},
}


def train(folder: Path, fields: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """Trains and returns the log's steps."""
    file = folder / "train.yaml"
    file.write_text(yaml.safe_dump(fields), "utf-8")
    resume = changes.pop("resume", False)
    Trainer(read_config(file, changes), create_registry(), resume=resume).run()
    lines = [json.loads(line) for line in (folder / "run/log.jsonl").read_text("utf-8").splitlines()]
    return [line for line in lines if line["event"] == "step"]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_lowers_the_loss(name: str, tmp_path: Path, config_fields: dict[str, Any]) -> None:  # noqa: F811
    fields = {**config_fields, "loss": name, "epochs": 6, "learning_rate": 0.003, "workers": 0, **RUNS[name]}
    steps = train(tmp_path, fields)
    first, last = steps[:3], steps[-3:]
    assert len(steps) == 18 and all(torch.isfinite(torch.tensor(step["loss"])) for step in steps)
    assert sum(step["loss"] for step in last) < sum(step["loss"] for step in first)
    if name == "declip":
        assert {*first[0]["losses"]} == {"clip", "declip/views", "declip/neighbours"}


@pytest.mark.parametrize("name", ["siglip", "declip"])
def test_a_resumed_run_has_the_loss_as_it_was(name: str, tmp_path: Path, config_fields: dict[str, Any]) -> None:  # noqa: F811
    """A loss's own bias and queue are in the checkpoint."""
    fields = {**config_fields, "loss": name, "schedule": "constant", "workers": 0, **RUNS[name]}
    whole = train(tmp_path, fields, epochs=2)
    (tmp_path / "run").rename(tmp_path / "whole")
    train(tmp_path, fields, epochs=1)
    resumed = train(tmp_path, fields, epochs=2, resume=True)
    assert [step["loss"] for step in resumed] == [step["loss"] for step in whole]
