"""What every stage of a build needs, and what it hands to the next."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeVar

from bioclip_x.dataset.config import BuildConfig, Source
from bioclip_x.dataset.folder import BuildFolder, Stage, read_json, write_json
from bioclip_x.errors import DatasetError
from bioclip_x.hooks.registry import Registry
from bioclip_x.images.files import ImageFiles
from bioclip_x.progress import Progress
from bioclip_x.worker_processes import run_tasks

T = TypeVar("T")
R = TypeVar("R")

MOST_WORKERS: Final = 16
"""Processes, where their number is not given."""
CONTEXT: Final = "forkserver" if hasattr(os, "fork") else "spawn"
"""How processes are started: a fork of this one might copy the database's locks."""


@dataclass(frozen=True)
class Made:
    """The Parquet files that a stage made. version: a digest of what they were made from."""

    files: tuple[Path, ...]
    version: str


@dataclass(frozen=True)
class NameTables:
    """The identifications, what they are resolved to, and the (`row`, `key`) pairs that say which row has which."""

    given: Made
    resolved: Made
    keys: Made


@dataclass(frozen=True)
class Build:
    """A build in progress. numbers: of the sources, by name. say: receives notes."""

    config: BuildConfig
    registry: Registry
    folder: BuildFolder
    database: Any
    files: ImageFiles
    progress: Progress
    say: Callable[[str], None]
    numbers: Mapping[str, int]

    @property
    def sources(self) -> tuple[Source, ...]:
        """Those of the data set, then those that are held out."""
        return (*self.config.sources, *self.config.held_out.sources)

    @property
    def held_out_numbers(self) -> tuple[int, ...]:
        return tuple(self.numbers[source.name] for source in self.config.held_out.sources)

    def run(self, function: Callable[[T], R], tasks: Iterable[T], handle: Callable[[R], None]) -> None:
        """Runs tasks in worker processes, and has each result handled in order. The function must be picklable."""
        tasks = iter(tasks)
        first = list(islice(tasks, 1))  # without a task, no processes are started, which takes seconds
        if not first:
            return
        workers = count_workers(self.config.workers)
        results = run_tasks(
            function,
            chain(first, tasks),
            workers=workers,
            ahead=2 * workers,
            context=CONTEXT if workers else None,
            error=DatasetError,
        )
        with closing(results):
            for result in results:
                handle(result)


def count_workers(given: int | None) -> int:
    return min(os.cpu_count() or 1, MOST_WORKERS) if given is None else given


def number_sources(folder: BuildFolder, names: Sequence[str]) -> Mapping[str, int]:
    """Returns a number for each source, which it keeps when others are added."""
    path = folder.work / "sources.json"
    known = read_json(path)
    is_valid = isinstance(known, dict) and set(map(repr, known.values())) == set(map(repr, range(len(known))))
    numbers: dict[str, int] = known if is_valid else {}
    for name in names:
        numbers.setdefault(name, len(numbers))
    write_json(path, numbers)
    return {name: numbers[name] for name in names}


def digest(*parts: Any) -> str:
    """Returns a short digest of values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def join(*mades: Made) -> Made:
    """Returns the files of several as one table."""
    return Made(tuple(file for made in mades for file in made.files), digest([made.version for made in mades]))


def finish(stage: Stage, summary: Mapping[str, Any], pattern: str = "*.parquet") -> Made:
    """Marks a stage as complete, and returns its files."""
    stage.finish(summary)
    return get_made(stage, pattern)


def get_made(stage: Stage, pattern: str = "*.parquet") -> Made:
    return Made(tuple(sorted(stage.path.glob(pattern))), digest(stage.inputs))
