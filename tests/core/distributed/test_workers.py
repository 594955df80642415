"""What runs in Ray's processes, without Ray."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.distributed.partitions import Partition
from bioclip_x.distributed.workers import (
    MOST_DEATHS,
    Computed,
    Failed,
    Listed,
    Listing,
    Notebook,
    Surroundings,
    Worker,
    pack,
    unpack,
)
from bioclip_x.errors import ModelError
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Source


@dataclass
class NamesJob:
    """Writes the names of images, and is its own started job."""

    registry: Registry
    recipe: Recipe
    header: dict[str, Any] = field(default_factory=lambda: {"model": "a"})
    provenance: str = "{}"
    notes: tuple[str, ...] = ()
    starts: int = 0
    problem: str = ""

    def start(self) -> NamesJob:
        self.starts += 1
        if self.problem:
            raise ModelError(self.problem)
        return self

    def write(self, sources: Iterable[Source], path: Path, tick: Any) -> int:
        names = [source.name for source in sources]
        for _ in names:
            tick()
        path.write_text(" ".join(names))
        return sum("bad" in name for name in names)


@pytest.fixture
def job() -> NamesJob:
    registry = create_registry()
    return NamesJob(registry, resolve_recipe(registry))


@pytest.fixture
def surroundings() -> Surroundings:
    return Surroundings.of_this_process()


PART = Partition(3, (Source("a.jpg"), Source("bad.jpg")))


def test_a_worker_starts_its_job_once(job: NamesJob, surroundings: Surroundings) -> None:
    book = Notebook()
    worker = Worker(job, {"model": "a"}, book, surroundings)
    assert worker.compute(PART) == Computed(3, "a.jpg", 2, 1, PART.digest, b"a.jpg bad.jpg")
    worker.compute(Partition(4, PART.sources[:1]))
    assert job.starts == 1 and book.count_images() == 3


def test_a_partition_at_which_workers_die_ends_the_run(job: NamesJob, surroundings: Surroundings) -> None:
    book = Notebook()
    for _ in range(MOST_DEATHS):
        book.begin(3)  # and died
    failed = Worker(job, {"model": "a"}, book, surroundings).compute(PART)
    assert isinstance(failed, Failed) and "died 4 times at the 2 images from 'a.jpg' on (part 3)" in failed.reason
    assert isinstance(Worker(job, {"model": "a"}, book, surroundings).compute(Partition(4, PART.sources)), Computed)


def test_a_worker_with_another_model_ends_the_run(job: NamesJob, surroundings: Surroundings) -> None:
    failed = Worker(job, {"model": "b"}, Notebook(), surroundings).compute(PART)
    assert isinstance(failed, Failed) and "model was 'b' and is 'a'" in failed.reason


def test_a_model_that_is_missing_ends_the_run(job: NamesJob, surroundings: Surroundings) -> None:
    job.problem = "there is no model x"
    assert Worker(job, {}, Notebook(), surroundings).compute(PART) == Failed("there is no model x")


def list_parts(
    job: NamesJob, images: tuple[str, ...], known: dict[int, str], stdin: str = "", again: Collection[int] = ()
) -> list[Any]:
    return list(Listing(job, images, stdin, 2, known, frozenset(again), "out", Surroundings.of_this_process()))


def test_finished_parts_are_not_listed(job: NamesJob, pictures: Path) -> None:
    (pictures / "notes.txt").write_text("no image")
    *parts, listed = list_parts(job, (str(pictures),), {})
    assert [part.number for part in parts] == [0, 1] and listed == Listed(2, 3, listed.left_out)
    assert "1 file that is no image" in listed.left_out
    assert list_parts(job, (str(pictures),), {0: parts[0].digest}) == [parts[1], listed]


def test_parts_that_failed_are_listed_again(job: NamesJob, pictures: Path) -> None:
    first, second, listed = list_parts(job, (str(pictures),), {})
    known = {0: first.digest, 1: second.digest}
    assert list_parts(job, (str(pictures),), known, again=[1]) == [second, listed]
    [failed] = list_parts(job, (str(pictures),), {0: "other"}, again=[0])
    assert isinstance(failed, Failed) and "part 0 is of other images" in failed.reason


def test_finished_parts_of_other_images_are_refused(job: NamesJob, pictures: Path) -> None:
    first, *_ = list_parts(job, (str(pictures),), {})
    [failed] = list_parts(job, (str(pictures / "b.jpg"),), {0: first.digest})
    assert "out is of a run of other images: part 0" in failed.reason and "b.jpg" in failed.reason
    *_, failed = list_parts(job, (str(pictures),), {7: first.digest})
    assert isinstance(failed, Failed) and "images for 2 parts, and it has part 7" in failed.reason


def test_paths_on_stdin(job: NamesJob, pictures: Path) -> None:
    part, listed = list_parts(job, ("-",), {}, f"{pictures / 'a.png'}\n{pictures / 'b.jpg'}\n")
    assert part.first == str(pictures / "a.png") and listed.n_images == 2


def test_records_travel(job: NamesJob) -> None:
    source = Source("caf\udce9.jpg", Path("caf\udce9.jpg"), metadata={"date": "2024"})
    assert unpack(pack(Partition(0, (source,)))) == Partition(0, (source,))
