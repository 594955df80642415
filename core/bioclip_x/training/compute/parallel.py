"""Spreads the towers over processes and compiles them: DDP, FSDP2, torch.compile."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bioclip_x.hooks.capabilities import TrainableEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import LayeredEncoder, TrainableEncoder
from bioclip_x.training.compute.towers import Towers
from bioclip_x.training.compute.world import World


def shard_towers(towers: Towers, encoder: TrainableEncoder) -> None:
    """Spreads parameters, gradients and with them the optimiser's state over the processes (FSDP2).

    Each block is one unit, and the rest another. FSDP2 takes no scalars: each process has them whole; see `average_scalars`.
    Parameters are replaced, so this comes before whatever keeps them.
    """
    from torch.distributed.fsdp import fully_shard

    scalars = set(_list_scalars(towers))
    if get_capabilities(encoder, TrainableEncoderCapabilities).blocks:
        for block in cast(LayeredEncoder, encoder).blocks():
            fully_shard(block, ignored_params=scalars)
    fully_shard(towers, ignored_params=scalars)


def wrap_towers(towers: Towers, world: World, *, sharded: bool, compiled: bool, has_unused: bool = False) -> nn.Module:
    """Returns the module to call in place of the towers.

    sharded: by `shard_towers`; else every process has a copy, and gradients are averaged (DDP). compiled: by torch.compile.
    has_unused: whether some trained parameters have no part in the passes, which DDP must know not to wait for.
    """
    wrapped: nn.Module = cast(nn.Module, torch.compile(towers)) if compiled else towers
    if world.size == 1 or sharded or not any(parameter.requires_grad for parameter in towers.parameters()):
        return wrapped
    # Without device_ids, DDP leaves the inputs where they are: the tokens, which the text tower first shortens.
    return DistributedDataParallel(wrapped, gradient_as_bucket_view=True, find_unused_parameters=has_unused)


def average_scalars(towers: Towers, world: World) -> None:
    """Averages the gradients of the scalars of sharded towers over the processes."""
    for parameter in _list_scalars(towers):
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= world.size


def gather_whole_state(module: nn.Module) -> dict[str, Any]:
    """Returns the state_dict of a sharded module, whole and on the CPU, in the main process; {} in the others."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    return get_model_state_dict(module, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


def open_chunk(towers: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
    """Opens the context of one chunk's passes, which leaves the exchange of gradients to the last chunk."""
    if isinstance(towers, DistributedDataParallel):
        return nullcontext() if is_last else towers.no_sync()
    if hasattr(towers, "set_requires_gradient_sync"):  # FSDP2
        cast(Any, towers).set_requires_gradient_sync(is_last)
    return nullcontext()


def _list_scalars(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.ndim == 0]
