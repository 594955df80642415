"""What runs in the processes of Ray: listing the partitions, and computing them with a model that is loaded once."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from bioclip_x.distributed.jobs import Job, StartedJob
from bioclip_x.distributed.partitions import Partition, cut_into_partitions
from bioclip_x.errors import BioclipXError
from bioclip_x.images.files import make_image_files
from bioclip_x.images.places.folders import LeftOut
from bioclip_x.images.sources import expand_sources
from bioclip_x.io.storage.journal import describe_differences
from bioclip_x.messages import list_some

MOST_DEATHS: Final = 4
"""How often the worker processes may die at one partition before the run ends."""
TELL_EVERY: Final = 1.0
"""Seconds between two messages of a worker on how many images it has done."""


@dataclass(frozen=True)
class Surroundings:
    """What of the driver's process its workers take over, as far as their machines have it: folder and settings."""

    folder: str
    environment: Mapping[str, str]

    @classmethod
    def of_this_process(cls) -> Surroundings:
        own = {name: value for name, value in os.environ.items() if name.startswith("BIOCLIP_X_")}
        return cls(str(Path.cwd()), own)

    def apply(self) -> None:
        os.environ.update(self.environment)
        with suppress(OSError):  # images at URLs need no folder
            os.chdir(self.folder)
        warnings.filterwarnings("ignore", module="PIL")  # the output has a row for every image that cannot be read


@dataclass(frozen=True)
class Listed:
    """The end of the list of partitions. left_out: what the folders hold besides images, in words."""

    n_parts: int
    n_images: int
    left_out: str


@dataclass(frozen=True)
class Computed:
    """A partition's results: the content of its Parquet file."""

    number: int
    first: str
    images: int
    failed: int
    digest: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Failed:
    """Why the run must end, in one line."""

    reason: str


Outcome = Computed | Listed | Failed


@dataclass(frozen=True)
class Listing:
    """Lists a run's partitions.

    images, stdin: as in `expand_sources`; stdin as text. known: number → digest of the parts that there are. again: numbers of
    those that are to be computed again.
    """

    job: Job
    images: tuple[str, ...]
    stdin: str
    size: int
    known: Mapping[int, str]
    again: frozenset[int]
    output: str
    surroundings: Surroundings

    def __iter__(self) -> Iterator[Partition | Listed | Failed]:
        """Yields the partitions that are to be computed, and in the end what was listed.

        A part whose images are others now is a failure: its numbers would belong to none of them.
        """
        self.surroundings.apply()
        left_out = LeftOut()
        files = make_image_files(self.job.registry, self.job.recipe.truncated)
        lines = io.StringIO(self.stdin)
        n_parts = n_images = 0
        for part in cut_into_partitions(expand_sources(self.images, lines, files, left_out), self.size):
            n_parts, n_images = n_parts + 1, n_images + len(part.sources)
            if self.known.get(part.number, part.digest) != part.digest:
                yield Failed(self._explain(f"part {part.number} is of other images than those from {part.first!r} on"))
                return
            if part.number not in self.known or part.number in self.again:
                yield part
        if further := [number for number in self.known if number >= n_parts]:
            yield Failed(self._explain(f"there are images for {n_parts:,} parts, and it has part {max(further)}"))
            return
        yield Listed(n_parts, n_images, left_out.describe())

    def _explain(self, reason: str) -> str:
        return f"{self.output} is of a run of other images: {reason}. Restore them, or give another --output"


class Book(Protocol):
    """Where the workers note what they begin, and how far they are. Ray runs its methods in a process of its own."""

    def begin(self, number: int) -> int:
        """Returns how often the partition was begun, this time included."""
        ...

    def tell(self, number: int, images: int) -> None:
        """Notes how many images of a partition are done."""
        ...


class Notebook:
    """The book of a run: it outlives the workers, so that a partition at which they die is known."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}
        self._images: dict[int, int] = {}

    def begin(self, number: int) -> int:
        self._images[number] = 0
        self._begun[number] = self._begun.get(number, 0) + 1
        return self._begun[number]

    def tell(self, number: int, images: int) -> None:
        self._images[number] = images

    def count_images(self) -> int:
        return sum(self._images.values())


class Worker:
    """Computes partitions, with a job that is started at the first and kept.

    header: of the run; a worker whose own differs, such as for another model on its machine, ends the run.
    """

    def __init__(self, job: Job, header: Mapping[str, Any], book: Book, surroundings: Surroundings) -> None:
        self._job, self._header, self._book, self._surroundings = job, header, book, surroundings
        self._started: StartedJob | None = None

    def compute(self, part: Partition) -> Computed | Failed:
        begun = self._book.begin(part.number)
        if begun > MOST_DEATHS:
            return Failed(
                f"the worker processes died {MOST_DEATHS} times at the {len(part.sources):,} images from {part.first!r} on "
                f"(part {part.number}): too little memory, or an image that crashes a decoder. Finished parts are kept; "
                "fewer --ray-workers or a smaller --batch-size need less memory"
            )
        try:
            started = self._start()
            with tempfile.TemporaryDirectory(prefix="bioclip-x-") as folder:
                path = Path(folder, "part.parquet")
                teller = _Teller(lambda images: self._book.tell(part.number, images))
                failed = started.write(part.sources, path, teller.tick)
                teller.end()
                return Computed(part.number, part.first, len(part.sources), failed, part.digest, path.read_bytes())
        except BioclipXError as problem:
            return Failed(str(problem))

    def _start(self) -> StartedJob:
        if self._started is None:
            self._surroundings.apply()
            started = self._job.start()
            if differences := describe_differences(self._header, started.header):
                raise BioclipXError(
                    f"a worker's model differs from that of the run: {list_some(differences)}. All machines need the same "
                    "model, the same bioclip-x and the same kind of device"
                )
            self._started = started
        return self._started


class _Teller:
    """Counts images, and tells the count at most once a second."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._images, self._told_at = tell, 0, time.monotonic()

    def tick(self) -> None:
        self._images += 1
        if time.monotonic() - self._told_at >= TELL_EVERY:
            self.end()

    def end(self) -> None:
        self._told_at = time.monotonic()
        self._tell(self._images)


@dataclass(frozen=True)
class Description:
    """What a started job says of itself; see `StartedJob`."""

    header: dict[str, Any]
    provenance: str
    notes: tuple[str, ...]


def describe(job: Job, surroundings: Surroundings) -> Description | Failed:
    """Starts a job in a worker's process, which embeds the texts into its machine's cache, and describes it."""
    surroundings.apply()
    try:
        started = job.start()
    except BioclipXError as problem:
        return Failed(str(problem))
    return Description(started.header, started.provenance, started.notes)


def pack(item: Partition | Outcome) -> bytes:
    """Packs a record for Ray, which carries objects between a program's own processes as pickles, too."""
    return pickle.dumps(item)


def unpack(raw: bytes) -> Any:
    return pickle.loads(raw)
