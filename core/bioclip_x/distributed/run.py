"""A run on Ray, as its driver sees it: it checks the request, has the partitions computed, and writes them."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from bioclip_x.distributed.cluster import Cluster, connect, find_shares
from bioclip_x.distributed.jobs import Job
from bioclip_x.distributed.part_folder import FinishedPart, PartFolder, check_folder
from bioclip_x.distributed.pipeline import compute_partitions, describe_job, make_book
from bioclip_x.distributed.workers import Computed, Failed, Listed, Listing, Surroundings
from bioclip_x.errors import BioclipXError
from bioclip_x.images.counting import count_images
from bioclip_x.images.files import make_image_files
from bioclip_x.images.sources import check_sources
from bioclip_x.messages import pluralise
from bioclip_x.progress import Progress

AGAIN: Final = 5.0
"""Seconds after which an interruption that had no effect is repeated."""
POLL_EVERY = 1.0
"""Seconds between two looks at how many images are done."""


@dataclass(frozen=True)
class Request:
    """What is to be computed of which images. stdin: the lines for "-" among them. size: images per partition."""

    job: Job
    images: tuple[str, ...]
    stdin: str
    output: Path
    size: int
    command: str


def run_on_ray(request: Request, cluster: Cluster, progress: Progress, say: Callable[[str], None]) -> int:
    """Computes all partitions that the output folder does not have yet, or has with images that failed.

    say: receives notes. An interruption keeps the parts that are finished. Returns the number of images that failed, of all.
    Raises BioclipXError for a bad request, for an output folder of another run, and where the workers die again and again at
    one partition.
    """
    job = request.job
    check_folder(request.output)
    files = make_image_files(job.registry, job.recipe.truncated)
    check_sources(request.images, files)
    progress.say("starting Ray, and loading the model in one of its processes")
    with connect(cluster.address) as ray:
        shares = find_shares(cluster, job.recipe.device, ray.cluster_resources())
        surroundings = Surroundings.of_this_process()
        described = describe_job(ray, job, shares, surroundings)
        for note in described.notes:
            say(f"note: {note}")
        header = {"command": request.command, "partition_size": request.size, **described.header}
        with PartFolder.open(request.output, header) as folder:
            before = dict(folder.finished)
            if before:
                say(f"{request.output} has {pluralise(len(before), 'finished part')}, which are kept")
            if folder.again:
                say(f"{pluralise(len(folder.again), 'part')} with images that failed: computed again")
            digests = {number: part.digest for number, part in (before | folder.again).items()}
            listing = Listing(
                job, request.images, request.stdin, request.size, digests, frozenset(folder.again), str(request.output),
                surroundings,
            )  # fmt: skip
            book = make_book(ray)
            done = sum(part.images for part in before.values())
            count = partial(count_images, request.images, files)
            partitions = compute_partitions(ray, listing, described.header, shares, book)
            # Closed while Ray is there: one that is collected later would start another.
            with (
                _show(progress, partial(_count_done, ray, book, done), count, done),
                closing(partitions) as outcomes,
                insisting(),
            ):
                left_out = _write_parts(folder, outcomes)
            folder.complete(described.provenance)
            if left_out:
                say(f"note: {left_out}")
            return sum(part.failed for part in folder.finished.values())


def _write_parts(folder: PartFolder, outcomes: Iterator[Any]) -> str:
    """Writes the parts as they come; returns what the folders of images hold besides. Raises BioclipXError."""
    listed: Listed | None = None
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            raise BioclipXError(outcome.reason)
        if isinstance(outcome, Listed):
            listed = outcome
        # A part that was computed twice, since its machine was lost before its results were read, is written once.
        elif isinstance(outcome, Computed) and outcome.number not in folder.finished:
            size = len(outcome.content)
            part = FinishedPart(outcome.number, outcome.first, outcome.images, outcome.failed, outcome.digest, size)
            folder.add(part, outcome.content)
    n_images = sum(part.images for part in folder.finished.values())
    if listed is None or (len(folder.finished), n_images) != (listed.n_parts, listed.n_images):
        raise BioclipXError(f"{folder.path} is incomplete: {n_images:,} images are done; the same command goes on")
    return listed.left_out


def _count_done(ray: Any, book: Any, before: int) -> int:
    return before + int(ray.get(book.count_images.remote()))


@contextmanager
def insisting() -> Iterator[None]:
    """Repeats an interruption in the block that is lost: Ray calls Python in places where exceptions are ignored."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    interrupted, over = threading.Event(), threading.Event()
    main = threading.get_ident()

    def handle(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        handler(number, frame)

    def watch() -> None:
        while not over.wait(AGAIN):
            if interrupted.is_set():
                if hasattr(signal, "pthread_kill"):  # which wakes the main thread, too
                    signal.pthread_kill(main, signal.SIGINT)
                else:
                    _thread.interrupt_main()

    signal.signal(signal.SIGINT, handle)
    threading.Thread(target=watch, name="interruption", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _show(
    progress: Progress, count_done: Callable[[], int], count: Callable[[], int | None], before: int
) -> Iterator[None]:
    """Shows in the block how many images are done, of how many. before: those of an earlier run."""
    over = threading.Event()

    def watch() -> None:
        with suppress(Exception):  # the run itself says what is wrong
            total = count()
            while not over.wait(POLL_EVERY):
                progress.update("images", count_done(), total)

    progress.begin("images", before)
    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(POLL_EVERY)
