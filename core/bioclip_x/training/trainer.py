"""The training loop: batches → towers → losses → optimiser step, with checkpoints and hooks.

Legend: B images, V images and their further views, T distinct texts of a batch, D embedding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch

from bioclip_x.errors import TrainingError
from bioclip_x.faults import at_hand
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records.training import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x.training.checkpointing import checkpoints
from bioclip_x.training.checkpointing.checkpoints import Place
from bioclip_x.training.checkpointing.fingerprints import make_fingerprint
from bioclip_x.training.checkpointing.signals import NONE, STOP, Signals
from bioclip_x.training.components import fill_in_defaults, make_encoder, make_parts
from bioclip_x.training.compute.precision import resolve_precision
from bioclip_x.training.compute.towers import Towers
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import TrainConfig
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.data.incidents import describe_incidents
from bioclip_x.training.data.sources import make_loader
from bioclip_x.training.learner import Learner, Taken
from bioclip_x.training.outputs.export import MODEL, export_model
from bioclip_x.training.outputs.run_folder import METRICS, write_json, write_run_folder
from bioclip_x.training.outputs.steps_shown import show_steps
from bioclip_x.training.validation import is_best, is_due, make_validator, use_module


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run.

    model: folder for `--model local-dir:`. steps, epochs: completed, resumed ones included.
    notes: unreadable images, those read with a note, and truncated texts.
    """

    model: Path
    steps: int
    epochs: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A step whose numbers are still on the device: read when the next step has been launched, so that nobody waits."""

    place: Place
    taken: Taken
    seconds: float
    data_wait: float


class Trainer:
    """One training run. The constructor reads the data and loads the model; `run` trains.

    Raises BioclipXError for an invalid request.

    resume: continue from the output folder's newest checkpoint; without it, a folder with checkpoints is refused. "auto"
        does so if there is one.
    world: the processes that train together.
    notes: what is missing or doubtful in taxonomy, texts and data. precision: with "auto" resolved.
    steps_per_epoch, total_steps: the length of the run. place: its progress. resumed: whether it continues another.
    saved: the last checkpoint that it wrote.
    """

    def __init__(
        self,
        config: TrainConfig,
        registry: Registry,
        *,
        resume: bool | Literal["auto"] = False,
        world: World | None = None,
    ) -> None:
        config = fill_in_defaults(config, registry)
        self.config, self.registry, self.world = config, registry, world or World()
        self.folder = config.path(config.output)
        checkpoints.check_writable(self.folder)
        has_checkpoints = bool(checkpoints.list_checkpoints(self.folder))
        self.resumed = has_checkpoints if resume == "auto" else resume
        if not self.resumed and has_checkpoints:
            raise TrainingError(f"{self.folder} contains checkpoints: add --resume, or name another output folder")
        document = self._read_checkpoint() if self.resumed else None  # a damaged one is told before a model is loaded
        if config.batch_size % self.world.size:
            raise TrainingError(
                f"batch_size: {config.batch_size} images cannot be shared out evenly to {self.world.size} processes"
            )
        if config.threads:
            torch.set_num_threads(config.threads)
        with self.world.main_first():
            self.parts = make_parts(config, registry)
            self.validator, notes = make_validator(config, registry, self.parts, self.world)
        self.encoder, self.losses = self.parts.encoder, self.parts.loss
        self.notes = self.parts.notes + notes
        self.precision = resolve_precision(config.precision, self.encoder.device)
        self.lengths = [len(dataset) for dataset in self.parts.datasets]
        self.steps_per_epoch = sum(self.lengths) // config.batch_size
        if not self.steps_per_epoch:
            raise TrainingError(f"batch_size: {config.batch_size} is more than all {sum(self.lengths)} images")
        self.total_steps = self.steps_per_epoch * config.epochs
        self.fingerprint = make_fingerprint(config, self.parts, self.precision, registry)
        self.metrics: dict[str, float] = {}
        self.saved: Path | None = None
        self._learner = Learner(config, self.parts, self.world, self.precision, self.total_steps)
        self._loader = make_loader(
            config, self.parts, self.world, lambda step: self._learner.find_input_size(step).image_size
        )
        self._signals = Signals(self.world.make_cpu_group())
        self._pending: _Pending | None = None
        self.run_context = RunContext(
            config,
            self.folder,
            self.parts.taxonomy,
            self.encoder,
            self._learner.ema,
            0,
            self.total_steps,
            self.metrics,
            self._signals.request_save,
        )
        self.place = self._resume(document) if document else Place()
        self._learner.start(self.place.step)

    def run(self, *, progress: bool | None = None) -> Outcome:
        """Trains to the end, or until a plugin stops it after an epoch, and saves the model.

        progress: show on stderr how far it is. None shows it in a notebook, and where a `Progress` is shown already.
        """
        with show_steps(self.registry, show=progress if self.world.is_main else False):
            return self._run()

    def _run(self) -> Outcome:
        for callback in self.parts.callbacks:
            self.registry.manager.register(callback)
        stopped = False
        try:
            self._prepare_folder()
            self._notify("training_started")
            place = self.place
            with (
                self._signals,
                closing(self._loader.batches(self.config.epochs, place.epoch, place.epoch_step)) as batches,
            ):
                while self.place.epoch < self.config.epochs and not stopped:
                    stopped = self._run_epoch(batches)
            return Outcome(self._save_model(), self.place.step, self.place.epoch, self._make_notes())
        finally:
            self._notify("training_ended")
            for callback in self.parts.callbacks:
                self.registry.manager.unregister(callback)

    def _prepare_folder(self) -> None:
        """Writes what the folder says of the run, and sweeps what a killed run left there."""
        if not self.world.is_main:
            return
        checkpoints.sweep_leftovers(self.folder)
        write_run_folder(
            self.config,
            self.parts,
            self.registry,
            precision=self.precision,
            data=self.fingerprint["data"],
            processes=self.world.size,
        )

    def _run_epoch(self, batches: Iterator[Batch]) -> bool:
        """Completes the epoch of `place`. Returns whether a plugin requested to stop."""
        config, epoch = self.config, self.place.epoch
        began = time.perf_counter()
        for batch in islice(batches, self.steps_per_epoch - self.place.epoch_step):
            waited = time.perf_counter() - began
            with at_hand(f"step {self.place.step + 1}"):
                self._learner.prepare(self.place.step)
                taken = self._learner.take_step(batch, self.place.step)
                self._report()
            place = self.place
            self.place = replace(place, step=place.step + 1, epoch_step=place.epoch_step + 1)
            self._pending = _Pending(self.place, taken, time.perf_counter() - began, waited)
            received = self._signals.ask()
            if received != NONE:
                self._save()
            if received in STOP:
                self._signals.leave(received)
            if self.place.epoch_step < self.steps_per_epoch:
                self._save_or_validate()
            began = time.perf_counter()
        self._report()
        mean_loss = self.place.epoch_loss / self.steps_per_epoch
        self.place = Place(self.place.step, epoch + 1)
        if is_due(config.validation, self.place, config.epochs):
            self._validate()
        else:
            self._save()
        answers = self._notify("epoch_ended", event=EpochEnd(epoch + 1, mean_loss, self.folder))
        return bool(self.world.share(any(answer is True for answer in answers)))

    def _save_or_validate(self) -> None:
        """Does what is due after a step in the middle of an epoch."""
        every = self.config.checkpoint_every
        if is_due(self.config.validation, self.place, self.config.epochs):
            self._validate()
        elif every and self.place.step % every == 0:
            self._save()

    def _validate(self) -> None:
        """Validates the averaged model, if there is one, else the model; saves a checkpoint with the metrics."""
        assert self.validator
        self._report()
        began = time.perf_counter()
        encoder = use_module(self.encoder, self.run_context.ema)
        towers = self._learner.towers if self._learner.is_sharded else Towers(encoder)  # only the former are gathered
        with self._learner.open_validation(self.place.step):
            metrics, n_images = self.validator.validate(encoder, towers, self.precision)
        self.metrics.update(metrics)
        seconds, value = time.perf_counter() - began, metrics[self.validator.metric]
        best = self.world.share(is_best(self.folder, self.validator.metric, value) if self.world.is_main else None)
        path = self._save()
        if best and self.world.is_main:
            checkpoints.mark_best(path, self.validator.metric, value)
        event = Validated(
            step=self.place.step,
            epoch=self.place.epoch + (self.place.epoch_step > 0),
            metrics=metrics,
            metric=self.validator.metric,
            is_best=bool(best),
            images=n_images,
            seconds=seconds,
            folder=self.folder,
        )
        self._notify("validated", event=event)

    def _report(self) -> None:
        """Reads the numbers of the last step, if they are not read yet, and tells the hooks.

        Raises TrainingError if they are not finite. Nothing is saved before they are read.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return
        place = pending.place
        taken = pending.taken
        losses = {name: float(self.world.sum(loss)) / self.world.size for name, loss in taken.losses.items()}
        loss, norm = sum(losses.values()), float(taken.norm)
        if not math.isfinite(loss) or not (math.isfinite(norm) or self._learner.has_loss_scaling):
            raise TrainingError(
                f"the loss is {loss}, its gradient's norm {norm} at step {place.step}: lower learning_rate, raise "
                f"warmup_steps, or choose another precision than {self.precision}; earlier checkpoints are intact"
            )
        self.place = replace(self.place, epoch_loss=self.place.epoch_loss + loss)
        event = StepEnd(
            step=place.step,
            epoch=place.epoch + 1,
            loss=loss,
            learning_rate=taken.rate,
            logit_scale=float(taken.scale),
            images_per_second=self.config.batch_size / pending.seconds,
            folder=self.folder,
            losses=losses,
            gradient_norm=norm,
            data_wait=pending.data_wait,
            data_wait_fraction=pending.data_wait / pending.seconds,
            memory=_measure_memory(self.encoder.device),
        )
        self._notify("training_step_ended", event=event)

    def _notify(self, hook: str, **arguments: Any) -> list[Any]:
        """Calls a hook in the main process."""
        self.run_context.step = self.place.step
        return self.registry.notify(hook, **arguments, run=self.run_context) if self.world.is_main else []

    def _list_stateful(self, *, primed: bool = False) -> dict[str, Any]:
        """Returns the objects whose state is saved in checkpoints and restored by a resumed run."""
        return {**self._learner.list_stateful(primed=primed), "data": self._loader.incidents}

    def _save(self) -> Path:
        """Writes a checkpoint. Called by all processes."""
        self._report()
        self._join_incidents()
        # By all processes, since some states are divided among them.
        states = {name: part.state_dict() for name, part in self._list_stateful().items()}
        self.saved = checkpoints.save(
            self.folder,
            self.place,
            states,
            fingerprint=self.fingerprint,
            epochs=self.config.epochs,
            keep=self.config.keep,
            metrics=self.metrics,
        )
        if self.metrics and self.world.is_main:
            write_json(self.folder / METRICS, {"step": self.place.step, **self.metrics})
        return self.saved

    def _read_checkpoint(self) -> checkpoints.Document:
        checkpoints.read_best(self.folder)  # an unreadable one is told now, not when it is needed
        return checkpoints.read(checkpoints.find_newest(self.folder))

    def _resume(self, document: checkpoints.Document) -> Place:
        path = checkpoints.find_newest(self.folder)
        parts = self._list_stateful(primed=path.is_dir())
        checkpoint = checkpoints.load(
            path,
            {name: part.state_dict() for name, part in parts.items()},
            fingerprint=self.fingerprint,
            epochs=self.config.epochs,
            steps_per_epoch=self.steps_per_epoch,
            document=document,
        )
        checkpoints.restore(path, parts, checkpoint.states)
        self.metrics.update(checkpoint.metrics)
        return checkpoint.place

    def _save_model(self) -> Path:
        """Exports the model. Called by all processes."""
        try:
            with self._learner.open_whole(lambda: make_encoder(self.config, self.registry)) as encoder:
                if not self.world.is_main:
                    return self.folder / MODEL
                parts = replace(self.parts, encoder=encoder)
                return export_model(self.config, parts, self.registry, step=self.place.step, metrics=self.metrics)
        except TrainingError as problem:
            raise TrainingError(
                f"the model is not saved: {problem}; the checkpoints in {self.folder} are intact, and the same command with "
                "--resume writes it from them"
            ) from problem

    def _join_incidents(self) -> None:
        """Adds those of the other processes."""
        for other in self.world.collect(self._loader.incidents):
            self._loader.incidents.merge(other)

    def _make_notes(self) -> tuple[str, ...]:
        self._join_incidents()
        notes = list(describe_incidents(self._loader.incidents, self.encoder.context_length))
        if self.validator and (reasons := list(self.validator.unreadable.values())):
            notes.append(
                f"validation: {pluralise(len(reasons), 'image')} cannot be read, left out: {list_some(reasons, 5)}"
            )
        return tuple(notes)


def _measure_memory(device: torch.device) -> int:
    """Returns the peak bytes allocated on a CUDA device, else the largest resident size of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
