"""The processes that train one model together: started by torchrun, joined by torch.distributed.

Legend: Q rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True, slots=True)
class World:
    """See `records.training.Processes`.

    local_rank: the number of this process on its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and calls hooks."""
        return self.rank == 0

    def gather(self, x: torch.Tensor) -> torch.Tensor:
        if self.size == 1:
            return x
        gathered: torch.Tensor = _Gather.apply(x.contiguous(), self.rank, self.size)
        return gathered

    def gather_ragged(self, x: torch.Tensor) -> torch.Tensor:
        if self.size == 1:
            return x
        lengths = self.gather(torch.tensor([len(x)], device=x.device)).tolist()
        longest = max(lengths)
        padded = torch.cat([x, x.new_zeros(longest - len(x), *x.shape[1:])])
        parts = torch.split(self.gather(padded), longest)
        return torch.cat([part[:length] for part, length in zip(parts, lengths)])

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        return self._reduce(x, dist.ReduceOp.SUM)

    def max(self, x: torch.Tensor) -> torch.Tensor:
        return self._reduce(x, dist.ReduceOp.MAX)

    def _reduce(self, x: torch.Tensor, operation: Any) -> torch.Tensor:
        if self.size == 1:
            return x.detach()
        total = x.detach().clone()
        dist.all_reduce(total, operation)
        return total

    def average_gradients(self, module: nn.Module) -> None:
        """Replaces the gradients of a module that is the same on all processes by their means."""
        if self.size == 1:
            return
        for parameter in module.parameters():
            if parameter.requires_grad:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.size

    def broadcast(self, module: nn.Module) -> None:
        """Copies the main process's parameters and buffers to all others."""
        if self.size > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.detach(), 0)

    def share(self, value: Any) -> Any:
        """Returns the main process's value on every process."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0)
        return values[0]

    def collect(self, value: Any) -> list[Any]:
        """Returns the values of all processes, on every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Runs a block in the main process, then in the others, which find the files that it has cached."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    def make_cpu_group(self) -> dist.ProcessGroup | None:
        """Returns a group for messages between the CPUs, apart from what the devices exchange; None for one process."""
        if self.size == 1:
            return None
        group = dist.new_group(backend="gloo")
        assert isinstance(group, dist.ProcessGroup)  # not so for processes that are no members
        return group

    def wait(self) -> None:
        """Waits until all processes have come here."""
        if self.size > 1:
            dist.barrier()


class _Gather(torch.autograd.Function):
    """all_gather along dim 0. The gradient of a process's part is the sum over the processes."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, rank: int, size: int) -> torch.Tensor:
        ctx.place = slice(rank * len(x), (rank + 1) * len(x))
        parts = [torch.empty_like(x) for _ in range(size)]
        dist.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.place], None, None


@contextmanager
def open_world(device: str = "auto") -> Iterator[World]:
    """Joins the processes that torchrun started, if it did, and leaves them at the end.

    device: "cpu" joins them by gloo, others by NCCL where there is CUDA.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or dist.is_initialized():
        yield World() if size == 1 else World(dist.get_rank(), dist.get_world_size(), _get_local_rank())
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(_get_local_rank())
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), _get_local_rank())
        dist.barrier()  # a process that leaves while another still listens to it can abort that one
    finally:
        dist.destroy_process_group()


def _get_local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))
