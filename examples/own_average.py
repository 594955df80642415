"""Averages the weights over a training run, and saves the averaged model beside the trained one, in a plugin of its own.

    bioclip-x train examples/train.yaml --plugin examples/own_average.py

The trainer's own average is `ema: 0.999`; this shows how a run can be followed. After each step the average takes in the
weights as they are then; the accuracy of the last validation is written beside the model.
"""

import json
from typing import Any

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bioclip_x.plugin import RunContext, StepEnd, hookimpl

averages: dict[str, Any] = {}


@hookimpl
def training_started(run: RunContext) -> None:
    averages["model"] = AveragedModel(run.encoder.module, multi_avg_fn=get_ema_multi_avg_fn(0.9))


@hookimpl
def training_step_ended(event: StepEnd, run: RunContext) -> None:
    averages["model"].update_parameters(run.encoder.module)


@hookimpl
def training_ended(run: RunContext) -> None:
    run.encoder.module.load_state_dict(averages.pop("model").module.state_dict())
    run.encoder.save(run.folder / "average", {})
    (run.folder / "average" / "metrics.json").write_text(json.dumps(run.metrics), "utf-8")
