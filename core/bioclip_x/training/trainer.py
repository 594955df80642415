"""The training loop: batches → towers → losses → optimiser step, with checkpoints and hooks.

Legend: B images, V images and their further views, T distinct texts of a batch, D embedding.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from torch import nn

from bioclip_x.capabilities import TrainableEncoderCapabilities
from bioclip_x.components import LayeredEncoder, TrainableEncoder
from bioclip_x.errors import TrainingError
from bioclip_x.faults import naming
from bioclip_x.messages import list_some, pluralise
from bioclip_x.records.training import EpochEnd, LossInput, RunContext, StepEnd, Validated
from bioclip_x.registry import Registry, get_capabilities
from bioclip_x.training import checkpoints
from bioclip_x.training.checkpoints import Place
from bioclip_x.training.class_bank import ClassBank
from bioclip_x.training.components import fill_in_defaults, make_parts
from bioclip_x.training.config import Lock, TrainConfig
from bioclip_x.training.data.augment import View, join_factors, to_input
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.incidents import describe_incidents
from bioclip_x.training.data.loader import ChunkMaker, Loader
from bioclip_x.training.data.order import make_step_seed
from bioclip_x.training.data.sources import make_order
from bioclip_x.training.data.tokens import Tokens
from bioclip_x.training.export import export_model
from bioclip_x.training.fingerprints import make_fingerprint
from bioclip_x.training.optimisation.clipping import clip_gradients
from bioclip_x.training.optimisation.ema import Average
from bioclip_x.training.optimisation.freezing import (
    Probe,
    find_locked,
    find_locked_towers,
    find_projections,
    lock,
    set_modes,
)
from bioclip_x.training.optimisation.groups import (
    DepthGroups,
    Part,
    make_optimizer,
    make_parameter_groups,
    set_learning_rates,
    split_by_depth,
)
from bioclip_x.training.optimisation.phases import InputSize, find_input_size
from bioclip_x.training.optimisation.schedules import compute_factor
from bioclip_x.training.parallel import average_scalars, open_chunk, wrap_towers
from bioclip_x.training.precision import open_autocast, resolve_precision
from bioclip_x.training.run_folder import METRICS, write_json, write_run_folder
from bioclip_x.training.signals import NONE, STOP, Signals
from bioclip_x.training.step import Inputs, backward_at_once, backward_in_chunks
from bioclip_x.training.steps_shown import show_steps
from bioclip_x.training.towers import Embedded, Towers
from bioclip_x.training.truth import Truth, make_tree_tensors
from bioclip_x.training.validation import is_best, is_due, make_validator, use_module
from bioclip_x.training.world import World

MAX_WORKERS = 16


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
    losses: dict[str, torch.Tensor]
    norm: torch.Tensor
    rate: float
    scale: torch.Tensor
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
        self._make_state()
        self.place = self._resume() if self.resumed else Place()
        self._towers = self._wrap_towers()

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

    def _make_state(self) -> None:
        config, device = self.config, self.encoder.device
        self.tree = make_tree_tensors(self.parts.taxonomy, device)
        prefixes = dict.fromkeys(data.prefix for data in config.data)
        self.truth = Truth(
            ((prefix + text, node) for prefix in prefixes for text, node in self.parts.texts.pairs), self.tree
        )
        self._choose_parameters()
        groups = make_parameter_groups(self._list_optimised(), config.weight_decay)
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        self._optimizer = make_optimizer(groups, config.betas, device)
        self._bank = self._make_bank() if self.losses.needs_bank else None
        self._averaged = nn.ModuleDict(
            {"encoder": self.encoder.module, "losses": nn.ParameterList(self.losses.parameters())}
        )
        self._average = Average(self._averaged, config.ema) if config.ema else None
        self._scaler = torch.amp.GradScaler("cuda", enabled=self.precision == "fp16")
        self._pending: _Pending | None = None
        self._signals = Signals(self.world.make_cpu_group())
        self._input_size: InputSize | None = None
        self._loader = self._make_loader()
        self.run_context = RunContext(
            config,
            self.folder,
            self.parts.taxonomy,
            self.encoder,
            self._average.module.get_submodule("encoder") if self._average else None,
            0,
            self.total_steps,
            self.metrics,
            self._signals.request_save,
        )

    def _make_loader(self) -> Loader:
        config, encoder = self.config, self.encoder
        make = ChunkMaker(
            ImageReader(self.parts.datasets, self.parts.files),
            self.parts.texts,
            Tokens(encoder),
            View(encoder.image_size, encoder.resize_mode, encoder.interpolation),
            augments=(config.augment, *[config.views or config.augment] * self.losses.views),
            prefixes=tuple(data.prefix for data in config.data),
            texts_per_image=config.texts_per_picture,
            text_per=config.text_per,
            seed=config.seed,
        )
        return Loader(
            make,
            make_order(config, self.parts.datasets),
            config.batch_size,
            min(os.cpu_count() or 1, MAX_WORKERS) if config.workers is None else config.workers,
            rank=self.world.rank,
            size=self.world.size,
            pin=encoder.device.type == "cuda",
            find_image_size=lambda step: self._find_input_size(step).image_size,
        )

    def _choose_parameters(self) -> None:
        """Applies the adapter, the locks and the probe."""
        config, module = self.config, self.encoder.module
        if self.parts.adapter is not None:
            with naming(self.parts.adapter, "apply"):
                self.parts.adapter.apply(self.encoder)
        text_groups = config.lock.text_groups if self.losses.needs_texts else 0
        trained = {"image": config.lock.image_groups, "text": text_groups}
        needed = config.layer_decay < 1 or config.probe_steps or config.lock != Lock.model_validate({})
        self._depth_groups = self._find_depth_groups(required=bool(needed))
        if self._depth_groups:
            lock(module, find_locked(self._depth_groups, trained))
        has_heads = all(isinstance(term.loss, nn.Module) and list(term.loss.parameters()) for term in self.losses.terms)
        kept = () if has_heads else find_projections(module, self._depth_groups)
        self._probe = Probe(module, kept, config.probe_steps)

    def _find_depth_groups(self, *, required: bool) -> DepthGroups:
        """Returns the layers of the towers; {} if the model does not tell them. Raises TrainingError if they are needed."""
        if get_capabilities(self.encoder, TrainableEncoderCapabilities).depth_groups:
            return cast(DepthGroups, cast(LayeredEncoder, self.encoder).depth_groups())
        if required:
            raise TrainingError(
                "lock, layer_decay and probe_steps need a model that tells its layers; leave them out, or choose another encoder"
            )
        return {}

    def _list_optimised(self) -> list[Part]:
        config = self.config
        named = dict(self.encoder.module.named_parameters())
        parts = split_by_depth(named, self._depth_groups, config.learning_rate, config.layer_decay)
        for term in self.losses.terms:
            if isinstance(term.loss, nn.Module):
                own = dict(term.loss.named_parameters())
                parts.append(Part(term.name, own, term.learning_rate or config.learning_rate))
        return parts

    def _make_bank(self) -> ClassBank:
        taxonomy, dtype = self.parts.taxonomy, torch.float16 if self.config.bank_precision == "fp16" else torch.float32
        node_C = taxonomy.owner_N[taxonomy.leaf_node_C].tolist()
        encoder = self.encoder
        return ClassBank(self.parts.texts.kinds, node_C, encoder.embed_dim, self.world, encoder.device, dtype)

    def _embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Returns unit embeddings: [len(texts), D]."""
        with self._open_forward():
            embedded: Embedded = self._towers(None, self.encoder.tokenize(texts).to(self.encoder.device))
        assert embedded.text_TD is not None
        return F.normalize(embedded.text_TD, dim=-1)

    def _wrap_towers(self) -> nn.Module:
        """Wraps the towers as the configuration says: recomputed, sharded or replicated over processes, compiled."""
        config, encoder = self.config, self.encoder
        if config.gradient_checkpointing:
            if not get_capabilities(encoder, TrainableEncoderCapabilities).gradient_checkpointing:
                raise TrainingError("gradient_checkpointing: this model's layers cannot recompute their activations")
            cast(LayeredEncoder, encoder).set_gradient_checkpointing(True)
        self._probe.apply(self.place.step)
        towers = Towers(encoder, find_locked_towers(encoder.module, self._depth_groups))
        self.world.broadcast(self.losses)
        return wrap_towers(towers, encoder, self.world, shard=config.shard, compiled=config.compile)

    def _run_epoch(self, batches: Iterator[Batch]) -> bool:
        """Completes the epoch of `place`. Returns whether a plugin requested to stop."""
        config, epoch = self.config, self.place.epoch
        began = time.perf_counter()
        for batch in islice(batches, self.steps_per_epoch - self.place.epoch_step):
            self._prepare_step()
            waited = time.perf_counter() - began
            losses, norm, rate = self._step(batch)
            self._report()
            now = time.perf_counter()
            place = self.place
            self.place = replace(place, step=place.step + 1, epoch_step=place.epoch_step + 1)
            scale = self.encoder.logit_scale.detach()
            self._pending = _Pending(self.place, losses, norm, rate, scale, now - began, waited)
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
        is_sharded = self.config.shard == "fsdp" and encoder is self.encoder  # gathered by the wrapped towers only
        towers = self._towers if is_sharded else Towers(encoder)
        with self._whole_texts():
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

    @contextmanager
    def _whole_texts(self) -> Iterator[None]:
        """Lets the text tower read texts as the exported model will, and not cut to `text_length`."""
        encoder = cast(LayeredEncoder, self.encoder)
        if not get_capabilities(encoder, TrainableEncoderCapabilities).inputs:
            yield
            return
        size = self._find_input_size(max(self.place.step - 1, 0))
        encoder.set_text_length(None)
        try:
            yield
        finally:
            encoder.set_text_length(size.text_length)

    def _prepare_step(self) -> None:
        """Changes the size of the inputs and what is trained, where a phase or the probe ends."""
        if (size := self._find_input_size(self.place.step)) != self._input_size:
            self._set_input_size(size)
            self._input_size = size
        if self._probe.ends_at(self.place.step):
            self._towers = self._wrap_towers()
        set_modes(self.encoder.module)

    def _find_input_size(self, step: int) -> InputSize:
        return find_input_size(self.config, self.encoder.image_size, step, self.total_steps)

    def _set_input_size(self, size: InputSize) -> None:
        """Raises TrainingError or ModelError for inputs that the model does not take."""
        encoder = self.encoder
        if size != InputSize(encoder.image_size, 0.0, None):
            if not get_capabilities(encoder, TrainableEncoderCapabilities).inputs:
                raise TrainingError("phases, patch_dropout, text_length: this model takes inputs of one size only")
            cast(LayeredEncoder, encoder).check_image_size(size.image_size)
        if get_capabilities(encoder, TrainableEncoderCapabilities).inputs:
            cast(LayeredEncoder, encoder).set_patch_dropout(size.patch_dropout)
            cast(LayeredEncoder, encoder).set_text_length(size.text_length)

    def _step(self, batch: Batch) -> tuple[dict[str, torch.Tensor], torch.Tensor, float]:
        """Takes one optimiser step. Returns the losses by name, the gradient's norm and the learning rate."""
        config = self.config
        torch.manual_seed(make_step_seed(config.seed, self.place.step))
        factor = self._compute_rate_factor()
        set_learning_rates(self._optimizer, factor)
        self._optimizer.zero_grad(set_to_none=True)
        if self._bank and self.place.step % config.bank_every == 0:
            self._bank.refresh(self._embed_texts, self._towers)
        losses = self._compute_gradients(_move(batch, self.encoder.device))
        self.world.average_gradients(self.losses)
        average_scalars(self._towers, self.world)
        self._scaler.unscale_(self._optimizer)
        norm = clip_gradients(self._parameters, config.grad_clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.encoder.clamp_logit_scale(config.max_logit_scale)
        if self._average:
            self._average.update(self._averaged)
        return losses, norm, config.learning_rate * factor

    def _compute_rate_factor(self) -> float:
        config, step, probe = self.config, self.place.step, self.config.probe_steps
        if step < probe:
            return (config.probe_learning_rate or config.learning_rate) / config.learning_rate
        return compute_factor(
            step - probe,
            warmup=config.warmup_steps,
            total=self.total_steps - probe,
            schedule=config.schedule,
            cooldown=config.cooldown_steps,
            shape=config.cooldown_shape,
        )

    def _compute_gradients(self, batch: Batch) -> dict[str, torch.Tensor]:
        encoder = self.encoder
        pixels = torch.cat([batch.pixels_BHW3, *batch.views])
        factors = join_factors((batch.factors_B3, *batch.view_factors), len(batch.node_B))
        inputs = Inputs(
            to_input(pixels, factors, encoder.mean, encoder.std), batch.tokens_TL if self.losses.needs_texts else None
        )

        def compute(embedded: Embedded) -> dict[str, torch.Tensor]:
            return self._compute_losses(embedded, batch)

        def open_forward() -> AbstractContextManager[None]:
            return self._open_forward()

        if self.config.accumulate == 1:
            with open_forward():
                embedded = self._towers(inputs.pixels_V3HW, inputs.tokens_TL)
            return backward_at_once(embedded, compute, self._scaler.scale)
        return backward_in_chunks(
            self._towers,
            inputs,
            compute,
            self._scaler.scale,
            chunks=self.config.accumulate,
            open_forward=open_forward,
            open_chunk=lambda is_last: open_chunk(self._towers, is_last=is_last),
        )

    @contextmanager
    def _open_forward(self) -> Iterator[None]:
        with (
            open_autocast(self.precision, self.encoder.device),
            naming(self.encoder, "forward", f"step {self.place.step + 1}"),
        ):
            yield

    def _compute_losses(self, embedded: Embedded, batch: Batch) -> dict[str, torch.Tensor]:
        """Computes the losses in float32, since logits reach 100, where bf16 has a resolution of 0.5."""
        assert embedded.image_BD is not None
        raw_VD, second_VD = embedded.image_BD, None
        if self.losses.has_projector:
            raw_VD, second_VD = raw_VD.tensor_split(2, dim=1)
        image_raw_BD, *views = raw_VD.split(len(batch.node_B))
        text_TD = image_raw_BD[:0] if embedded.text_TD is None else F.normalize(embedded.text_TD, dim=-1)
        right_BT, known_BT = self.truth.match(batch.node_B, batch.own_id_BO, batch.text_id_T)
        given = LossInput(
            image_BD=F.normalize(image_raw_BD, dim=-1),
            image_raw_BD=image_raw_BD,
            text_TD=text_TD,
            text_BK=batch.text_BK,
            node_B=batch.node_B,
            text_id_T=batch.text_id_T,
            text_node_T=batch.text_node_T,
            right_BT=right_BT,
            known_BT=known_BT,
            own_id_BO=batch.own_id_BO,
            aspect_T=batch.aspect_T,
            source_B=batch.source_B,
            logit_scale=embedded.scale,
            logit_bias=embedded.bias,
            taxonomy=self.parts.taxonomy,
            tree=self.tree,
            matcher=self.truth,
            world=self.world,
            views=tuple(views),
            step=self.place.step,
            bank=self._bank,
        )
        losses: dict[str, torch.Tensor] = self.losses(given, second_VD)
        return losses

    def _report(self) -> None:
        """Reads the numbers of the last step, if they are not read yet, and tells the hooks.

        Raises TrainingError if they are not finite. Nothing is saved before they are read.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return
        place = pending.place
        losses = {name: float(self.world.sum(loss)) / self.world.size for name, loss in pending.losses.items()}
        loss, norm = sum(losses.values()), float(pending.norm)
        if not math.isfinite(loss) or not (math.isfinite(norm) or self._scaler.is_enabled()):
            raise TrainingError(
                f"the loss is {loss}, its gradient's norm {norm} at step {place.step}: lower learning_rate, raise "
                f"warmup_steps, or choose another precision than {self.precision}; earlier checkpoints are intact"
            )
        self.place = replace(self.place, epoch_loss=self.place.epoch_loss + loss)
        event = StepEnd(
            step=place.step,
            epoch=place.epoch + 1,
            loss=loss,
            learning_rate=pending.rate,
            logit_scale=float(pending.scale),
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

    def _get_stateful_parts(self) -> dict[str, Any]:
        """Returns the objects whose state is saved in checkpoints and restored by a resumed run."""
        parts = {"model": self.encoder.module, "optimizer": self._optimizer, "scaler": self._scaler}
        parts |= {"data": self._loader.incidents}
        parts |= {"ema": self._average} if self._average else {}
        parts |= {"bank": self._bank} if self._bank else {}
        return parts | ({"loss": self.losses} if self.losses.state_dict() else {})

    def _save(self) -> Path:
        """Writes a checkpoint. Called by all processes."""
        self._report()
        self._join_incidents()
        # By all processes, since some states are divided among them.
        states = {name: part.state_dict() for name, part in self._get_stateful_parts().items()}
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

    def _resume(self) -> Place:
        parts = self._get_stateful_parts()
        checkpoint = checkpoints.load(
            checkpoints.find_newest(self.folder),
            {name: part.state_dict() for name, part in parts.items()},
            fingerprint=self.fingerprint,
            epochs=self.config.epochs,
        )
        for name, part in parts.items():
            part.load_state_dict(checkpoint.states[name])
        self.metrics.update(checkpoint.metrics)
        return checkpoint.place

    def _save_model(self) -> Path:
        folder = self.folder / "model"
        if not self.world.is_main:
            return folder
        try:
            with nullcontext() if self._average is None else self._average.applied_to(self._averaged):
                parts = replace(self.parts, encoder=self._merge_adapter())
                return export_model(self.config, parts, self.registry, step=self.place.step, metrics=self.metrics)
        except TrainingError as problem:
            raise TrainingError(
                f"the model is not saved: {problem}; the checkpoints in {self.folder} are intact, and the same command with "
                "--resume writes it from them"
            ) from problem

    def _merge_adapter(self) -> TrainableEncoder:
        """Returns the model to export, which is an ordinary one: a copy into whose weights the adapter is merged."""
        if self.parts.adapter is None:
            return self.encoder
        encoder = copy.deepcopy(self.encoder)
        with naming(self.parts.adapter, "merge"):
            self.parts.adapter.merge(encoder)
        return encoder

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


def _move(batch: Batch, device: torch.device) -> Batch:
    def move(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(move(one) for one in value)
        return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value

    moved = {field.name: move(getattr(batch, field.name)) for field in fields(batch)}
    return Batch(**moved | {"tokens_TL": batch.tokens_TL})  # the text tower moves them, once it has shortened them


def _measure_memory(device: torch.device) -> int:
    """Returns the peak bytes allocated on a CUDA device, else the largest resident size of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
