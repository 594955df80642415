"""What a run trains, and how one step changes it: towers, losses, optimiser, average of the weights, class bank."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from bioclip_x.errors import TrainingError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import TrainableEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import LayeredEncoder, TrainableEncoder
from bioclip_x.training.checkpointing.state_files import prime
from bioclip_x.training.class_bank import ClassBank
from bioclip_x.training.components import Parts
from bioclip_x.training.compute.parallel import (
    average_scalars,
    gather_whole_state,
    open_chunk,
    shard_towers,
    wrap_towers,
)
from bioclip_x.training.compute.precision import Precision
from bioclip_x.training.compute.step import backward_at_once, backward_in_chunks
from bioclip_x.training.compute.towers import Embedded, Towers
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import Lock, TrainConfig
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.data.order import make_step_seed
from bioclip_x.training.forward import Forward, move
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
from bioclip_x.training.truth import Truth, make_tree_tensors


@dataclass(frozen=True, slots=True)
class Taken:
    """The numbers of a step, still on the device.

    losses: this process's parts by name. norm: of the gradient, before clipping. rate: the run's learning rate.
    scale: the logit scale after the step, exponentiated.
    """

    losses: dict[str, torch.Tensor]
    norm: torch.Tensor
    rate: float
    scale: torch.Tensor


class Learner:
    """All that a step changes.

    Made in this order: the adapter adds parameters, FSDP2 spreads them over the processes, locks choose among them, and the
    optimiser takes what is left.

    encoder, losses: of `parts`. towers: the module to call, wrapped for several processes; set by `start`.
    ema: the module of averaged weights, None without an average.
    """

    def __init__(self, config: TrainConfig, parts: Parts, world: World, precision: Precision, total_steps: int) -> None:
        self.config, self.parts, self.world, self.total_steps = config, parts, world, total_steps
        self.encoder, self.losses = parts.encoder, parts.loss
        self._adapt(self.encoder)
        self._plain_towers = Towers(self.encoder)
        self.towers: nn.Module = self._plain_towers
        self.is_sharded = config.shard == "fsdp" and world.size > 1
        if self.is_sharded:
            shard_towers(self._plain_towers, self.encoder)
        self._choose_parameters()
        groups = make_parameter_groups(self._list_optimised(), config.weight_decay)
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        self._optimizer = make_optimizer(groups, config.betas, self.encoder.device)
        self._scaler = torch.amp.GradScaler("cuda", enabled=precision == "fp16")
        self._averaged = nn.ModuleDict(
            {"encoder": self.encoder.module, "losses": nn.ParameterList(self.losses.parameters())}
        )
        self._average = Average(self._averaged, config.ema) if config.ema else None
        self._input_size: InputSize | None = None
        self.forward = self._make_forward(precision)

    @property
    def ema(self) -> nn.Module | None:
        return self._average.module.get_submodule("encoder") if self._average else None

    @property
    def has_loss_scaling(self) -> bool:
        """Whether a gradient may be infinite, for a step that is then left out (fp16)."""
        return self._scaler.is_enabled()

    def start(self, step: int) -> None:
        """Gets ready for the first step, once the state of a checkpoint is loaded. step: completed steps."""
        self._probe.apply(step)
        self._plain_towers.locked = find_locked_towers(self.encoder.module, self._depth_groups)
        self.world.broadcast(self.losses)
        self.towers = wrap_towers(
            self._plain_towers,
            self.world,
            sharded=self.is_sharded,
            compiled=self.config.compile,
            # A model that does not tell its layers has a text tower that cannot be locked.
            has_unused=not self.losses.needs_texts and not self._depth_groups,
        )

    def prepare(self, step: int) -> None:
        """Changes the size of the inputs and what is trained, where a phase or the probe ends."""
        if (size := self.find_input_size(step)) != self._input_size:
            self._set_input_size(size)
            self._input_size = size
        if self._probe.ends_at(step):
            self.start(step)
        set_modes(self.encoder.module)

    def take_step(self, batch: Batch, step: int) -> Taken:
        """Takes one optimiser step. step: completed steps."""
        config = self.config
        torch.manual_seed(make_step_seed(config.seed, step))
        factor = self._compute_rate_factor(step)
        set_learning_rates(self._optimizer, factor)
        self._optimizer.zero_grad(set_to_none=True)
        if self.forward.bank and step % config.bank_every == 0:
            self.forward.bank.refresh(lambda texts: self.forward.embed_texts(self.towers, texts, step), self.towers)
        losses = self.compute_gradients(move(batch, self.encoder.device), step)
        self.world.average_gradients(self.losses)
        if self.is_sharded:
            average_scalars(self._plain_towers, self.world)
        self._scaler.unscale_(self._optimizer)
        norm = clip_gradients(self._parameters, config.grad_clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.encoder.clamp_logit_scale(config.max_logit_scale)
        if self._average:
            self._average.update(self._averaged)
        return Taken(losses, norm, config.learning_rate * factor, self.encoder.logit_scale.detach())

    def compute_gradients(self, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        """Adds the gradients of a batch to the parameters'; returns this process's parts of the losses by name.

        batch: on the device. step: completed steps.
        """
        inputs = self.forward.make_inputs(batch)

        def compute(embedded: Embedded) -> dict[str, torch.Tensor]:
            return self.forward.compute_losses(embedded, batch, step)

        if self.config.accumulate == 1:
            with self.forward.open(step):
                embedded = self.towers(inputs.pixels_V3HW, inputs.tokens_TL)
            return backward_at_once(embedded, compute, self._scaler.scale)
        return backward_in_chunks(
            self.towers,
            inputs,
            compute,
            self._scaler.scale,
            chunks=self.config.accumulate,
            open_forward=lambda: self.forward.open(step),
            open_chunk=lambda is_last: open_chunk(self.towers, is_last=is_last),
        )

    def list_stateful(self, *, primed: bool = False) -> dict[str, Any]:
        """Returns the objects whose state is saved in checkpoints and restored by a resumed run.

        primed: with tensors in the optimiser's state also before the first step, for shards to be loaded into.
        """
        if primed:
            prime(self._optimizer)
        parts = {"model": self.encoder.module, "optimizer": self._optimizer, "scaler": self._scaler}
        parts |= {"ema": self._average} if self._average else {}
        parts |= {"bank": self.forward.bank} if self.forward.bank else {}
        return parts | ({"loss": self.losses} if self.losses.state_dict() else {})

    @contextmanager
    def open_whole(self, make_encoder: Callable[[], TrainableEncoder]) -> Iterator[TrainableEncoder]:
        """Provides the model to export, an ordinary one: averaged weights, none sharded, the adapter merged into them.

        Called by all processes; only the main process gets it if weights are sharded. make_encoder: makes the model as it
        was before training, to hold what was sharded.
        """
        with nullcontext() if self._average is None else self._average.applied_to(self._averaged):
            encoder = self.encoder
            if self.is_sharded:
                state = gather_whole_state(self.encoder.module)
                if not self.world.is_main:
                    yield encoder
                    return
                encoder = make_encoder()
                self._adapt(encoder)
                encoder.module.load_state_dict(state)
            elif self.parts.adapter is not None:
                encoder = copy.deepcopy(encoder)
            if self.parts.adapter is not None:
                with naming(self.parts.adapter, "merge"):
                    self.parts.adapter.merge(encoder)
            yield encoder

    @contextmanager
    def open_validation(self, step: int) -> Iterator[None]:
        """Lets the text tower read texts as the exported model will, and not cut to `text_length`. step: completed steps."""
        if not get_capabilities(self.encoder, TrainableEncoderCapabilities).inputs:
            yield
            return
        encoder = cast(LayeredEncoder, self.encoder)
        encoder.set_text_length(None)
        try:
            yield
        finally:
            encoder.set_text_length(self.find_input_size(max(step - 1, 0)).text_length)

    def find_input_size(self, step: int) -> InputSize:
        return find_input_size(self.config, self.encoder.image_size, step, self.total_steps)

    def _adapt(self, encoder: TrainableEncoder) -> None:
        if self.config.gradient_checkpointing:
            if not get_capabilities(encoder, TrainableEncoderCapabilities).gradient_checkpointing:
                raise TrainingError("gradient_checkpointing: this model's layers cannot recompute their activations")
            cast(LayeredEncoder, encoder).set_gradient_checkpointing(True)
        if self.parts.adapter is not None:
            with naming(self.parts.adapter, "apply"):
                self.parts.adapter.apply(encoder)

    def _choose_parameters(self) -> None:
        """Applies the locks, and makes the probe."""
        config, module = self.config, self.encoder.module
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

    def _make_forward(self, precision: Precision) -> Forward:
        config, encoder, parts = self.config, self.encoder, self.parts
        tree = make_tree_tensors(parts.taxonomy, encoder.device)
        prefixes = dict.fromkeys(data.prefix for data in config.data)
        truth = Truth(((prefix + text, node) for prefix in prefixes for text, node in parts.texts.pairs), tree)
        bank = None
        if self.losses.needs_bank:
            dtype = torch.float16 if config.bank_precision == "fp16" else torch.float32
            node_C = parts.taxonomy.owner_N[parts.taxonomy.leaf_node_C].tolist()
            bank = ClassBank(parts.texts.kinds, node_C, encoder.embed_dim, self.world, encoder.device, dtype)
        return Forward(encoder, self.losses, parts.taxonomy, tree, truth, bank, self.world, precision)

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

    def _compute_rate_factor(self, step: int) -> float:
        config, probe = self.config, self.config.probe_steps
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
