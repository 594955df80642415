"""The Ray Data pipeline of a run: one task lists the partitions, a pool of actors computes them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

import pyarrow as pa

from bioclip_x.distributed.cluster import Shares, quiet_datasets
from bioclip_x.distributed.jobs import Job
from bioclip_x.distributed.partitions import Partition
from bioclip_x.distributed.workers import (
    Book,
    Description,
    Failed,
    Listing,
    Notebook,
    Outcome,
    Surroundings,
    Worker,
    describe,
    pack,
    unpack,
)
from bioclip_x.errors import BioclipXError
from bioclip_x.faults import summarise

COLUMN = "packed"


def describe_job(ray: Any, job: Job, shares: Shares, surroundings: Surroundings) -> Description:
    """Starts the job in one process like those of the workers. Raises BioclipXError where it cannot be started."""
    # The process ends with the call: its model must not stay in memory beside those of the workers.
    remote = ray.remote(num_cpus=shares.cpus, num_gpus=shares.gpus, max_calls=1, max_retries=1)(describe)
    try:
        found = ray.get(remote.remote(job, surroundings))
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as problem:
        raise BioclipXError(
            f"a worker process died while it loaded the model ({problem}): too little memory?"
        ) from None
    if isinstance(found, Failed):
        raise BioclipXError(found.reason)
    return cast(Description, found)


def make_book(ray: Any) -> Any:
    """Makes the actor that holds a run's book. If its machine is lost, it starts empty on another."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Notebook).remote()


def compute_partitions(
    ray: Any, listing: Listing, header: dict[str, Any], shares: Shares, book: Any
) -> Generator[Outcome, None, None]:
    """Yields the outcome of each partition as it is done, in any order, and what was listed.

    Ray Data restarts a worker that dies, and has its partitions done again, without end: the book ends it, by partition.
    """
    with quiet_datasets(ray):
        listed = ray.data.read_datasource(_make_datasource(ray, listing), num_cpus=0, override_num_blocks=1)
        computed = listed.map_batches(
            _Actor,
            fn_constructor_args=(listing.job, header, book, listing.surroundings),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=shares.workers),
            num_cpus=shares.cpus,
            num_gpus=shares.gpus,
        )
        try:
            for table in computed.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                yield from (unpack(raw) for raw in table[COLUMN].to_pylist())
        except ray.exceptions.RayTaskError:  # a fault of this package or of a plugin, with its traceback
            raise
        except ray.exceptions.RayError as problem:
            raise BioclipXError(
                f"Ray failed ({summarise(problem)}); finished parts are kept, and the same command goes on"
            ) from problem


class _Actor:
    """A worker as Ray Data calls it: a table of one packed partition → a table of its packed outcome."""

    def __init__(self, job: Job, header: dict[str, Any], book: Any, surroundings: Any) -> None:
        self._worker = Worker(job, header, _RemoteBook(book), surroundings)

    def __call__(self, table: pa.Table) -> pa.Table:
        items = [unpack(raw) for raw in table[COLUMN].to_pylist()]
        return _make_table(*(self._worker.compute(one) if isinstance(one, Partition) else one for one in items))


class _RemoteBook(Book):
    """A book in another process."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def begin(self, number: int) -> int:
        import ray

        return cast(int, ray.get(self._actor.begin.remote(number)))

    def tell(self, number: int, images: int) -> None:
        self._actor.tell.remote(number, images)  # not waited for


def _make_datasource(ray: Any, listing: Listing) -> Any:
    """Makes a data source of one task, which lists the partitions while the workers compute the first."""
    from ray.data.block import BlockMetadata

    class Partitions(ray.data.Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ray.data.ReadTask(lambda: (_make_table(item) for item in listing), unknown)]

    return Partitions()


def _make_table(*items: Any) -> pa.Table:
    return pa.table({COLUMN: pa.array([pack(item) for item in items], pa.large_binary())})
