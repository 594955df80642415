"""Reports a run's numbers to Weights & Biases (wandb.ai), or to its local files in offline mode (WANDB_MODE=offline)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bioclip_x.plugin import TrainingError, hookimpl, open_replacement
from bioclip_x_plugins.callbacks.scalars import list_scalars

if TYPE_CHECKING:
    from bioclip_x.plugin import EpochEnd, RunContext, StepEnd, Validated

FILE = "wandb-run.txt"


class WeightsAndBiases:
    """project, name, entity, group: as in `wandb.init`; the name defaults to that of the run's folder.

    every: steps between two points of the curves of single steps. The run's id is kept in the run's folder, so that a
    resumed run continues its curves.
    """

    def __init__(
        self,
        project: str = "bioclip-x",
        *,
        name: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        every: int = 1,
    ) -> None:
        self.project, self.name, self.entity, self.group, self.every = project, name, entity, group, every
        self._run: Any = None

    @hookimpl
    def training_started(self, run: RunContext) -> None:
        """Raises TrainingError if the package wandb is not installed, or if it cannot begin a run."""
        try:
            import wandb
        except ImportError as problem:
            raise TrainingError(
                f"callbacks: wandb: the package is not installed ({problem}): pip install 'bioclip-x[wandb]'"
            ) from None
        file = run.folder / FILE
        known = file.read_text("utf-8").strip() if run.step and file.is_file() else None
        try:
            self._run = wandb.init(
                project=self.project,
                entity=self.entity,
                group=self.group,
                name=self.name or run.folder.resolve().name,
                id=known,
                resume="allow" if known else None,
                dir=str(run.folder),
                config=json.loads(run.config.model_dump_json()),
            )
        except Exception as problem:  # no key, no network, an unknown project: each has an error of its own
            raise TrainingError(
                f"callbacks: wandb: {problem}; log in with `wandb login`, set WANDB_MODE=offline, or leave the callback out"
            ) from problem
        # A step of our own, since wandb drops what comes with a step that it has had: a resumed run repeats some.
        self._run.define_metric("*", step_metric="step")
        with open_replacement(file) as handle:
            handle.write(f"{self._run.id}\n")

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        if event.step % self.every == 0:
            self._run.log({"step": event.step, **list_scalars("train", event)})

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> None:
        self._run.log({"step": run.step, "epoch": event.epoch, **list_scalars("epoch", event)})

    @hookimpl
    def validated(self, event: Validated, run: RunContext) -> None:
        self._run.log({"step": event.step, **list_scalars("validation", event)})

    @hookimpl
    def training_ended(self, run: RunContext) -> None:
        if self._run:
            self._run.finish()
            self._run = None
