"""One run of the table in a process of its own, and the scheduling of all of them, some at a time.

A finished run is a line of `runs.jsonl`; an interrupted table goes on with those that are missing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from training_table import preloaded
from training_table.photos import SETS
from training_table.rows import BATCH, ROWS, make_config

JOURNAL = "runs.jsonl"
PROCESSES = multiprocessing.get_context("forkserver")
"""Each run is a process of its own, forked from one that has imported the libraries."""
PROCESSES.set_forkserver_preload(["training_table.judge", "bioclip_x.training.trainer", "open_clip"])


@dataclass(frozen=True, slots=True)
class Job:
    """A row with a seed."""

    row: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.row}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table. data: folder of the data sets. folder: of the runs. counts: of the photos, see `photos.prepare`."""

    data: Path
    folder: Path
    epochs: int
    counts: Mapping[str, Any]

    @property
    def photos(self) -> Path:
        return self.folder / "photos"

    def model(self, row: str, seed: int) -> Path:
        """Returns the folder of a run's model."""
        return self.folder / f"{row}-{seed}" / "model"

    def configure(self, job: Job) -> dict[str, Any]:
        """Returns a job's training configuration, or for a soup its parts."""
        row = ROWS[job.row]
        if row.is_soup:
            return {"soup": [str(self.model(one, job.seed)) for one in row.of], "greedy": row.greedy}
        starts = {"scratch": None, "model": self.model((*row.of, "")[0], job.seed), "image tower": self.start(job)}
        return make_config(
            row, job.seed, self.data, self.photos, self.folder / job.name,
            epochs=self.epochs, steps=self._count_steps(), start=starts[row.start],
        )  # fmt: skip

    def start(self, job: Job) -> Path:
        """Returns the folder of the model that is put together for a run."""
        return self.folder / f"{job.name}-start"

    def _count_steps(self) -> int:
        return int(sum(self.counts[name]["train"]["photos"] for name in SETS) // BATCH)

    def identify(self, job: Job) -> str:
        """Returns a digest of all that a job's result depends on beside the code."""
        above = [self.identify(Job(one, job.seed)) for one in ROWS[job.row].of]
        return hashlib.sha256(json.dumps([self.configure(job), above], sort_keys=True).encode()).hexdigest()[:12]

    def read(self) -> dict[Job, dict[str, Any]]:
        """Reads the finished jobs; those of another configuration do not count."""
        journal = self.folder / JOURNAL
        lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
        done = {Job(line["row"], line["seed"]): line for line in map(json.loads, lines) if line["row"] in ROWS}
        return {job: line for job, line in done.items() if line["identity"] == self.identify(job)}


def run_job(table: Table, job: Job) -> None:
    """Trains (or averages) and judges one model, and adds it to the journal."""
    from training_table.judge import judge

    began = time.perf_counter()
    row, config = ROWS[job.row], table.configure(job)
    if row.is_soup:
        trained = make_soup(table, job, config)
    else:
        if row.start == "image tower":
            put_together(table.model(row.of[0], job.seed), table.start(job), job.seed)
        trained = train(config)
    figures = judge(table.model(job.row, job.seed), table.photos, by_nearest_mean=row.by_nearest_mean)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    line = {
        "row": job.row, "seed": job.seed, "identity": table.identify(job), "figures": figures, **trained,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in usage), 1),
    }  # fmt: skip
    with (table.folder / JOURNAL).open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(line) + "\n")


def train(config: Mapping[str, Any]) -> dict[str, Any]:
    """Runs one training. Returns its number of steps and its mean speed."""
    from bioclip_x.hooks.registry import create_registry
    from bioclip_x.training.config import make_config
    from bioclip_x.training.trainer import Trainer

    shutil.rmtree(config["output"], ignore_errors=True)
    began = time.perf_counter()
    outcome = Trainer(make_config(config), create_registry([preloaded])).run()
    speed = outcome.steps * config["batch_size"] / (time.perf_counter() - began)
    for checkpoint in Path(config["output"]).glob("checkpoint-*"):
        checkpoint.unlink()
    return {"steps": outcome.steps, "images_per_second": round(speed, 1)}


def put_together(trained: Path, target: Path, seed: int) -> None:
    """Writes a model whose image tower is that of `trained`, and whose text tower is new (LiT, Zhai et al. 2022)."""
    import open_clip
    import torch
    from safetensors.torch import load_file, save_file

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(trained, target)
    torch.manual_seed(1000 + seed)
    new = open_clip.create_model(f"local-dir:{target}", load_weights=False).state_dict()
    weights = load_file(target / "open_clip_model.safetensors")
    mixed = {name: tensor if name.startswith("visual.") else new[name] for name, tensor in weights.items()}
    save_file(
        {name: tensor.half().contiguous() for name, tensor in mixed.items()}, target / "open_clip_model.safetensors"
    )


def make_soup(table: Table, job: Job, config: Mapping[str, Any]) -> dict[str, Any]:
    """Averages models by `bioclip-x soup`; a greedy soup by their accuracy on the photos held out of training."""
    target = table.model(job.row, job.seed)
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "bioclip_x", "soup", *config["soup"], "--output", str(target)]
    if config["greedy"]:
        command += ["--data", f"manifest:path={table.photos / 'validate.csv'},images={table.data}"]
    subprocess.run(command, check=True)
    return {}


def run_all(table: Table, jobs: Sequence[Job], at_a_time: int, tell: Any = print) -> list[Job]:
    """Runs the jobs that are not done, each in a process, when those that it starts from are done. Returns those that failed."""
    done, failed = set(table.read()), []
    waiting = [job for job in jobs if job not in done]
    total = len(waiting)
    running: dict[Job, BaseProcess] = {}
    while waiting or running:
        for job in list(_find_ready(waiting, done))[: at_a_time - len(running)]:
            waiting.remove(job)
            running[job] = _start(table, job)
        if not running:  # what is left waits for a job that failed
            return [*failed, *waiting]
        time.sleep(0.5)
        for job, process in list(running.items()):
            if process.is_alive():
                continue
            del running[job]
            if process.exitcode:
                failed.append(job)
                tell(f"{job.name} failed; see {table.folder / f'{job.name}.log'}")
            else:
                done.add(job)
                tell(f"{job.name} done; {len(waiting) + len(running)} of {total} left")
    return failed


def _find_ready(waiting: Sequence[Job], done: set[Job]) -> Iterator[Job]:
    """Yields the jobs whose starts are done, in order."""
    return (job for job in waiting if all(Job(one, job.seed) in done for one in ROWS[job.row].of))


def _start(table: Table, job: Job) -> BaseProcess:
    process = PROCESSES.Process(target=_run_logged, args=(table, job), name=job.name, daemon=True)
    process.start()
    return process


def _run_logged(table: Table, job: Job) -> None:
    """Runs a job in this process, with its output in a file."""
    with (table.folder / f"{job.name}.log").open("wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        run_job(table, job)
