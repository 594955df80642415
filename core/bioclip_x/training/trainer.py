"""The training loop: batches → towers → losses → optimiser step, with checkpoints and hooks.

Legend: B images, V images and their further views, T distinct texts of a batch, D embedding.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bioclip_x.capabilities import TrainableEncoderCapabilities
from bioclip_x.components import LayeredEncoder, TrainableEncoder
from bioclip_x.errors import TrainingError
from bioclip_x.faults import naming
from bioclip_x.records.training import EpochEnd, LossInput, RunContext, StepEnd
from bioclip_x.registry import Registry, get_capabilities
from bioclip_x.training import checkpoints
from bioclip_x.training.checkpoints import Place
from bioclip_x.training.components import fill_in_defaults, make_fingerprints, make_parts
from bioclip_x.training.config import Lock, TrainConfig
from bioclip_x.training.data.augment import View, join_factors, to_input
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.incidents import describe_incidents
from bioclip_x.training.data.loader import ChunkMaker, Loader
from bioclip_x.training.data.order import make_step_seed
from bioclip_x.training.data.sources import make_order
from bioclip_x.training.data.tokens import Tokens
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
from bioclip_x.training.precision import open_autocast, resolve_precision
from bioclip_x.training.step import Inputs, backward_at_once, backward_in_chunks
from bioclip_x.training.towers import Embedded, Towers
from bioclip_x.training.truth import Truth, make_tree_tensors
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

    resume: continue from the output folder's newest checkpoint; without it, a folder with checkpoints is refused.
    world: the processes that train together.
    notes: what is missing or doubtful in taxonomy, texts and data. precision: with "auto" resolved.
    steps_per_epoch, total_steps: the length of the run. place: its progress.
    """

    def __init__(
        self, config: TrainConfig, registry: Registry, *, resume: bool = False, world: World | None = None
    ) -> None:
        config = fill_in_defaults(config, registry)
        self.config, self.registry, self.world = config, registry, world or World()
        self.folder = config.path(config.output)
        checkpoints.check_writable(self.folder)
        if not resume and checkpoints.list_checkpoints(self.folder):
            raise TrainingError(f"{self.folder} contains checkpoints: add --resume, or name another output folder")
        if config.batch_size % self.world.size:
            raise TrainingError(
                f"batch_size: {config.batch_size} images cannot be shared out evenly to {self.world.size} processes"
            )
        if config.threads:
            torch.set_num_threads(config.threads)
        with self.world.main_first():
            self.parts = make_parts(config, registry)
        self.encoder, self.losses, self.notes = self.parts.encoder, self.parts.loss, self.parts.notes
        self.precision = resolve_precision(config.precision, self.encoder.device)
        self.lengths = [len(dataset) for dataset in self.parts.datasets]
        self.steps_per_epoch = sum(self.lengths) // config.batch_size
        if not self.steps_per_epoch:
            raise TrainingError(f"batch_size: {config.batch_size} is more than all {sum(self.lengths)} images")
        self.total_steps = self.steps_per_epoch * config.epochs
        self.metrics: dict[str, float] = {}
        self._make_state()
        self.place = self._resume() if resume else Place()
        self._towers = self._wrap_towers()

    def run(self) -> Outcome:
        """Trains to the end, or until a plugin stops it after an epoch, and saves the model."""
        for callback in self.parts.callbacks:
            self.registry.manager.register(callback)
        stopped = False
        try:
            self._notify("training_started")
            place = self.place
            with closing(self._loader.batches(self.config.epochs, place.epoch, place.epoch_step)) as batches:
                while self.place.epoch < self.config.epochs and not stopped:
                    stopped = self._run_epoch(batches)
            return Outcome(self._save_model(), self.place.step, self.place.epoch, self._make_notes())
        finally:
            self._notify("training_ended")
            for callback in self.parts.callbacks:
                self.registry.manager.unregister(callback)

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
        self._average = Average(self.encoder.module, config.ema) if config.ema else None
        self._scaler = torch.amp.GradScaler("cuda", enabled=self.precision == "fp16")
        self._pending: _Pending | None = None
        self._input_size: InputSize | None = None
        self._loader = self._make_loader()
        self.run_context = RunContext(
            config,
            self.folder,
            self.parts.taxonomy,
            self.encoder,
            self._average.module if self._average else None,
            self.total_steps,
            self.metrics,
            self._save,
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

    def _wrap_towers(self) -> nn.Module:
        """Wraps the towers as the configuration says: recomputed, sharded or replicated over processes, compiled."""
        config, encoder = self.config, self.encoder
        if config.gradient_checkpointing:
            if not get_capabilities(encoder, TrainableEncoderCapabilities).gradient_checkpointing:
                raise TrainingError("gradient_checkpointing: this model's layers cannot recompute their activations")
            cast(LayeredEncoder, encoder).set_gradient_checkpointing(True)
        self._probe.apply(self.place.step)
        locked = find_locked_towers(encoder.module, self._depth_groups)
        towers: nn.Module = Towers(encoder, locked)
        self.world.broadcast(self.losses)
        if config.shard == "fsdp":
            return _shard(towers, encoder)
        if config.compile:
            towers = cast(nn.Module, torch.compile(towers))
        if self.world.size > 1 and any(parameter.requires_grad for parameter in towers.parameters()):
            devices = [encoder.device] if encoder.device.type == "cuda" else None
            towers = DistributedDataParallel(towers, device_ids=devices, gradient_as_bucket_view=True)
        return towers

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
            began = now
            every = config.checkpoint_every
            if every and self.place.step % every == 0 and self.place.epoch_step < self.steps_per_epoch:
                self._save()
        self._report()
        mean_loss = self.place.epoch_loss / self.steps_per_epoch
        self.place = Place(self.place.step, epoch + 1)
        self._save()
        answers = self._notify("epoch_ended", event=EpochEnd(epoch + 1, mean_loss, self.folder))
        return bool(self.world.share(any(answer is True for answer in answers)))

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
        losses = self._compute_gradients(_move(batch, self.encoder.device))
        self.world.average_gradients(self.losses)
        self._scaler.unscale_(self._optimizer)
        norm = clip_gradients(self._parameters, config.grad_clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.encoder.clamp_logit_scale(config.max_logit_scale)
        if self._average:
            self._average.update(self.encoder.module)
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
            open_chunk=lambda is_last: _open_chunk(self._towers, is_last=is_last),
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
            memory=_measure_memory(self.encoder.device),
        )
        self._notify("training_step_ended", event=event)

    def _notify(self, hook: str, **arguments: Any) -> list[Any]:
        """Calls a hook in the main process."""
        return self.registry.notify(hook, **arguments, run=self.run_context) if self.world.is_main else []

    def _get_stateful_parts(self) -> dict[str, Any]:
        """Returns the objects whose state is saved in checkpoints and restored by a resumed run."""
        parts = {"model": self.encoder.module, "optimizer": self._optimizer, "scaler": self._scaler}
        parts |= {"data": self._loader.incidents}
        parts |= {"ema": self._average} if self._average else {}
        return parts | ({"loss": self.losses} if self.losses.state_dict() else {})

    def _save(self) -> None:
        self._report()
        self._join_incidents()
        if not self.world.is_main:
            return
        checkpoints.save(
            self.folder,
            self.place,
            {name: part.state_dict() for name, part in self._get_stateful_parts().items()},
            fingerprints=make_fingerprints(self.config, self.parts, self.precision),
            epochs=self.config.epochs,
            keep=self.config.keep,
        )

    def _resume(self) -> Place:
        place, states = checkpoints.load_newest(
            self.folder,
            fingerprints=make_fingerprints(self.config, self.parts, self.precision),
            epochs=self.config.epochs,
        )
        parts = self._get_stateful_parts()
        if states.keys() != parts.keys():
            raise TrainingError(
                f"{self.folder}: its newest checkpoint has the state of {', '.join(states)}, but this run has that of "
                f"{', '.join(parts)}: the loss has changed; start a new run in another output folder"
            )
        for name, part in parts.items():
            part.load_state_dict(states[name])
        return place

    def _save_model(self) -> Path:
        folder = self.folder / "model"
        if not self.world.is_main:
            return folder
        encoder = self._make_exported()
        try:
            encoder.save(folder, self.config.card)
        except OSError as problem:
            raise TrainingError(
                f"{folder}: the model cannot be written: {problem.strerror or problem}; the checkpoints in {self.folder} "
                "are intact, and the same command with --resume writes it from them"
            ) from problem
        return folder

    def _make_exported(self) -> TrainableEncoder:
        """Returns the model to export: with averaged weights if there are any, and its adapter merged into them."""
        if self._average is None and self.parts.adapter is None:
            return self.encoder
        with nullcontext() if self._average is None else self._average.applied_to(self.encoder.module):
            encoder = copy.deepcopy(self.encoder)
        if self.parts.adapter is not None:
            with naming(self.parts.adapter, "merge"):
                self.parts.adapter.merge(encoder)
        return encoder

    def _join_incidents(self) -> None:
        """Adds those of the other processes."""
        for other in self.world.collect(self._loader.incidents):
            self._loader.incidents.merge(other)

    def _make_notes(self) -> tuple[str, ...]:
        self._join_incidents()
        return describe_incidents(self._loader.incidents, self.encoder.context_length)


def _move(batch: Batch, device: torch.device) -> Batch:
    def move(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(move(one) for one in value)
        return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value

    return Batch(**{field.name: move(getattr(batch, field.name)) for field in fields(batch)})


def _shard(towers: nn.Module, encoder: Any) -> nn.Module:
    """Spreads the parameters over the processes by FSDP2: block by block, and the rest as one unit."""
    from torch.distributed.fsdp import fully_shard

    if get_capabilities(encoder, TrainableEncoderCapabilities).blocks:
        for block in encoder.blocks():
            fully_shard(block)
    fully_shard(towers)
    return towers


def _open_chunk(towers: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
    """Leaves the exchange of gradients between processes to the last chunk."""
    if isinstance(towers, DistributedDataParallel):
        return nullcontext() if is_last else towers.no_sync()  # type: ignore[no-untyped-call, no-any-return]
    if hasattr(towers, "set_requires_gradient_sync"):  # FSDP2
        towers.set_requires_gradient_sync(is_last)
    return nullcontext()


def _measure_memory(device: torch.device) -> int:
    """Returns the peak bytes allocated on a CUDA device, else the largest resident size of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
