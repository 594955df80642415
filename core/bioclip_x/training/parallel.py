"""Spreads the towers over processes and compiles them: DDP, FSDP2, torch.compile."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, cast

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bioclip_x.capabilities import TrainableEncoderCapabilities
from bioclip_x.components import LayeredEncoder, TrainableEncoder
from bioclip_x.registry import get_capabilities
from bioclip_x.training.towers import Towers
from bioclip_x.training.world import World

Shard = Literal["none", "fsdp"]


def wrap_towers(towers: Towers, encoder: TrainableEncoder, world: World, *, shard: Shard, compiled: bool) -> nn.Module:
    """Returns the module to call in place of the towers.

    shard: "none" gives every process a copy and averages gradients (DDP); "fsdp" spreads parameters, gradients and the
    optimiser's state over the processes, so the optimiser must be created afterwards. compiled: by torch.compile.
    """
    wrapped: nn.Module = towers
    if shard == "fsdp" and world.size > 1:
        _shard(towers, encoder)
    if compiled:
        wrapped = cast(nn.Module, torch.compile(towers))
    if shard == "none" and world.size > 1 and any(p.requires_grad for p in towers.parameters()):
        # Without device_ids, DDP leaves the inputs where they are: the tokens, which the text tower first shortens.
        wrapped = DistributedDataParallel(wrapped, gradient_as_bucket_view=True)
    return wrapped


def _shard(towers: Towers, encoder: TrainableEncoder) -> None:
    """Shards each block as one unit, and the rest as another. FSDP2 takes no scalars: each process has them whole."""
    from torch.distributed.fsdp import fully_shard

    scalars = set(list_scalars(towers))
    if get_capabilities(encoder, TrainableEncoderCapabilities).blocks:
        for block in cast(LayeredEncoder, encoder).blocks():
            fully_shard(block, ignored_params=scalars)
    fully_shard(towers, ignored_params=scalars)


def list_scalars(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.ndim == 0]


def average_scalars(towers: nn.Module, world: World) -> None:
    """Averages the gradients of the scalars of sharded towers, which FSDP2 leaves to us."""
    if world.size == 1 or not hasattr(towers, "set_requires_gradient_sync"):
        return
    for parameter in list_scalars(towers):
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= world.size


def open_chunk(towers: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
    """Opens the context of one chunk's passes, which leaves the exchange of gradients to the last chunk."""
    if isinstance(towers, DistributedDataParallel):
        return nullcontext() if is_last else towers.no_sync()  # type: ignore[no-untyped-call, no-any-return]
    if hasattr(towers, "set_requires_gradient_sync"):  # FSDP2
        towers.set_requires_gradient_sync(is_last)
    return nullcontext()
