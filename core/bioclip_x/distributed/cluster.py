"""The Ray cluster of a run: connecting to it, and how many workers with which share of it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.messages import pluralise

OBJECT_STORE: Final = 512 << 20
"""Bytes of shared memory for partitions on their way to a local run's workers and back."""
PATIENCE: Final = 10.0
"""Seconds to wait for a connection to a cluster."""
CORES_PER_WORKER: Final = 4
"""Of a worker without a GPU, where the number of workers is not given."""


@dataclass(frozen=True)
class Cluster:
    """Where a run's workers are. Without an address, a Ray of its own is started on this machine, and ended with the run.

    address: "auto" for the Ray that runs on this machine, or HOST:PORT of a cluster that this machine belongs to. workers: how
    many; None for one per GPU, or one per four cores. gpus_per_worker: share of a GPU of each; None for 1 where there are any.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float | None = None


@dataclass(frozen=True)
class Shares:
    """Number of workers, and what Ray reserves for each."""

    workers: int
    cpus: float
    gpus: float


def find_shares(cluster: Cluster, device: str, resources: Mapping[str, float]) -> Shares:
    """Finds how many workers there are and what each gets. resources: CPU and GPU of the whole cluster, as Ray tells them.

    More workers than cores share these. Raises RecipeError for more GPUs than there are.

    >>> find_shares(Cluster(), "auto", {"CPU": 96, "GPU": 8})
    Shares(workers=8, cpus=1, gpus=1)
    >>> find_shares(Cluster(workers=4), "auto", {"CPU": 2})
    Shares(workers=4, cpus=0.5, gpus=0)
    """
    cores, there = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    kind, _, index = device.partition(":")
    if index:
        raise RecipeError(f"--device {device}: Ray assigns the GPUs; give --device {kind}")
    gpus = cluster.gpus_per_worker
    if gpus is None:
        gpus = 1 if there and kind in ("auto", "cuda") else 0
    if gpus > 1 and gpus != int(gpus):
        raise RecipeError(f"--gpus-per-worker {gpus:g}: expected a whole number, or a part of one GPU")
    if kind == "cuda" and not gpus:
        raise RecipeError(
            "--device cuda needs a GPU for each worker: the Ray cluster has none, or --gpus-per-worker is 0"
        )
    room = _count_room(there, gpus)
    workers = cluster.workers or (room if gpus else int(cores // CORES_PER_WORKER)) or 1
    if gpus and workers > room:
        raise RecipeError(
            f"{pluralise(workers, 'worker')} with {gpus:g} GPUs each do not fit: the Ray cluster has {there:g}, for {room}"
        )
    per_worker = cores / workers
    share = 1 if gpus else int(per_worker)
    return Shares(workers, share if 1 <= share <= per_worker else max(0.01, int(per_worker * 100) / 100), gpus)


def _count_room(there: float, gpus: float) -> int:
    """Returns how many workers with so many GPUs each there is room for; no worker has parts of two GPUs."""
    if not gpus:
        return 0
    return int(there) * int(1 / gpus + 1e-9) if gpus < 1 else int(there / gpus)


def import_ray() -> Any:
    """Imports ray and ray.data, silenced and without usage statistics. Raises RecipeError where they are not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of this process; otherwise on stderr
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as problem:
        raise RecipeError(f"--engine ray needs Ray Data ({problem}): pip install 'bioclip-x[ray]'") from None
    return ray


@contextmanager
def connect(address: str | None) -> Iterator[Any]:
    """Connects to a Ray cluster, or starts one on this machine, and yields the module ray; ends it with the block.

    A process that is connected already stays so. Raises BioclipXError where there is no such cluster. In the block, standard
    output is standard error: Ray prints there what goes wrong in the cluster, even when its logs are off, and as it ends.
    """
    ray = import_ray()
    with redirect_stdout(sys.stderr):
        if ray.is_initialized():
            yield ray
            return
        _start(ray, address)
        try:
            yield ray
        finally:
            ray.shutdown()


def _start(ray: Any, address: str | None) -> None:
    if address:
        check_address(address)
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECT_STORE} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, AssertionError, TimeoutError) as problem:
        if address is None:
            raise BioclipXError(f"Ray cannot be started: {problem}") from problem
        raise BioclipXError(
            f"--ray-address {address}: no connection to Ray: {problem}. Is it of this version, and does this machine have "
            "the token of its authentication, if any?"
        ) from problem


def check_address(address: str) -> None:
    """Raises BioclipXError for an address at which nothing listens, which Ray would try for minutes."""
    if "://" in address:
        raise RecipeError(
            f"--ray-address {address}: expected auto or HOST:PORT; run the command on a machine of the cluster"
        )
    host, colon, port = address.rpartition(":")
    if not colon:
        return  # auto, or one that Ray refuses
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, ValueError, OverflowError) as problem:
        raise BioclipXError(f"--ray-address {address}: no connection to Ray: {problem}") from problem


@contextmanager
def quiet_datasets(ray: Any) -> Iterator[None]:
    """Keeps Ray Data's progress, logs and warnings off the terminal, and every record in a block of its own, in the block."""
    settings = {
        "enable_progress_bars": False,
        "print_on_execution_start": False,
        "target_max_block_size": 1,  # a block is what one worker gets at a time
    }
    logger = logging.getLogger("ray.data")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"ray\.")  # such as of more workers than partitions
        context = ray.data.DataContext.get_current()
        before = {name: getattr(context, name) for name in settings}
        try:
            for name, value in settings.items():
                setattr(context, name, value)
            logger.setLevel(logging.ERROR)
            yield
        finally:
            for name, value in before.items():
                setattr(context, name, value)
            logger.setLevel(level)
