"""Writes a run's numbers for TensorBoard, to tensorboard/ in the run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioclip_x.plugin import TrainingError, hookimpl
from bioclip_x_plugins.callbacks.scalars import list_scalars

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from bioclip_x.plugin import EpochEnd, RunContext, StepEnd, Validated


class TensorBoard:
    """every: steps between two points of the curves of single steps; all points of validations and epochs are written.

    A resumed run hides what an earlier one wrote of the steps that it repeats.
    """

    def __init__(self, *, every: int = 1) -> None:
        self.every = every
        self._writer: SummaryWriter | None = None

    @hookimpl
    def training_started(self, run: RunContext) -> None:
        """Raises TrainingError if the package tensorboard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as problem:
            raise TrainingError(
                f"callbacks: tensorboard: the package is not installed ({problem}): pip install 'bioclip-x[tensorboard]'"
            ) from None
        self._writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=run.step + 1)
        self._writer.add_text("configuration", f"```\n{run.config.model_dump_json(indent=2)}\n```", run.step)

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        if event.step % self.every == 0:
            self._write("train", event, event.step)

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> None:
        self._write("epoch", event, run.step)

    @hookimpl
    def validated(self, event: Validated, run: RunContext) -> None:
        self._write("validation", event, event.step)

    @hookimpl
    def training_ended(self, run: RunContext) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    def _write(self, group: str, event: StepEnd | EpochEnd | Validated, step: int) -> None:
        assert self._writer, "training_started comes first"
        for name, number in list_scalars(group, event).items():
            self._writer.add_scalar(name, number, step)
        if group != "train":
            self._writer.flush()
