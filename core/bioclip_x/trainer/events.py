"""What the hooks `training_step_ended` and `epoch_ended` are given."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StepEnd:
    """One optimiser step, just done.

    step: steps done since the run began, so the first is 1; a resumed run goes on counting. epoch: from 1.
    loss: of this step's batch. learning_rate: that this step used. logit_scale: after the step, exponentiated.
    images_per_second: over this step, waiting for data included. folder: the run's.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    logit_scale: float
    images_per_second: float
    folder: Path


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """One epoch, done and its checkpoint written. epoch: from 1. mean_loss: over all its steps. folder: the run's."""

    epoch: int
    mean_loss: float
    folder: Path
