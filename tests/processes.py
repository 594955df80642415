"""Runs a test's function in several processes that are joined by gloo, as torchrun's are."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from bioclip_x.training.compute.world import World

# Processes are forked from one that has done nothing but import: forked from the test's own, whose threads hold locks (of
# OpenMP, of fsspec), one of them now and then waits for ever.
mp.set_forkserver_preload(["torch", "bioclip_x.training.run", "bioclip_x.inference"])


def run_in_processes(function: Callable[..., Any], size: int, *arguments: Any) -> list[Any]:
    """Returns what `function(world, *arguments)` returned in each process, by rank. Tensors and plain values only."""
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(_run, args=(size, folder, function, arguments), nprocs=size, start_method="forkserver")  # type: ignore[no-untyped-call]
        return [torch.load(Path(folder, f"{rank}.pt")) for rank in range(size)]


@contextmanager
def join(rank: int, size: int, folder: str | Path) -> Iterator[World]:
    """The world of a process that was started by hand. folder: an empty one, in which the processes meet."""
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    try:
        yield World(rank, size, rank)
        dist.barrier()  # a process that leaves while another still listens to it can abort that one
    finally:
        dist.destroy_process_group()


def _run(rank: int, size: int, folder: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with join(rank, size, folder) as world:
        torch.save(function(world, *arguments), Path(folder, f"{rank}.pt"))
