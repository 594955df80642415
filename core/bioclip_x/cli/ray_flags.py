"""`--engine ray` and its flags: the images of a command, computed by the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bioclip_x.cli.option_types import RealNumbers, WholeNumbers
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.hooks.options import ComponentRef, parse_ref
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.encodings import open_utf8_stdin
from bioclip_x.messages import escape_controls

if TYPE_CHECKING:
    from bioclip_x.distributed.jobs import Job

SUFFIX: Final = ".parquet"
OPTIONS: Final = ("ray_workers", "ray_address", "gpus_per_worker", "partition_size")


@dataclass(frozen=True)
class RayFlags:
    """The flags of `--engine ray`. output: the folder. Those that were not given are None."""

    output: Path
    ray_workers: int | None
    ray_address: str | None
    gpus_per_worker: float | None
    partition_size: int | None


def add_ray_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --engine and the flags of Ray, which the command gets as one argument `ray`; None for the engine local."""

    @wraps(function)
    def command(*arguments: Any, engine: str, **options: Any) -> Any:
        given = {name: options.pop(name) for name in OPTIONS}
        return function(*arguments, ray=_make_flags(engine, options["output"], given), **options)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS: Final = (
    click.option(
        "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
        help="Compute in this process, or with Ray's workers on this machine or many: --output is then a folder of Parquet "
        "files, and the same command goes on after an interruption.",
    ),
    click.option(
        "--ray-workers", type=WholeNumbers(1), metavar="N",
        help="Processes of Ray, each with a model.  [default: one per GPU, else one per 4 cores]",
    ),
    click.option(
        "--ray-address", metavar="auto|HOST:PORT",
        help="A Ray cluster that is running; auto for the one of this machine.  [default: one is started for the run]",
    ),
    click.option(
        "--gpus-per-worker", type=RealNumbers(0), metavar="F",
        help="GPUs of each of Ray's workers; 0.5 for two on one GPU.  [default: 1 if there are any]",
    ),
    click.option(
        "--partition-size", type=WholeNumbers(1), metavar="N",
        help="Images per Parquet file of --engine ray; best a multiple of --batch-size.  [default: 2048]",
    ),
)  # fmt: skip


def _make_flags(engine: str, output: Path | None, given: dict[str, Any]) -> RayFlags | None:
    if engine == "ray":
        if output is None:
            raise RecipeError("--engine ray needs --output FOLDER, for a Parquet file per partition")
        return RayFlags(output, **given)
    if named := [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]:
        raise RecipeError(f"{named[0]} was given without --engine ray")
    return None


def find_part_format(registry: Registry, format_: str | None, reports: Sequence[Path]) -> ComponentRef:
    """Finds the report that writes Parquet files. Raises RecipeError if others were asked for, and if there is none."""
    if reports:
        raise RecipeError(f"--engine ray writes a folder of Parquet files only; leave out --report {reports[0]}")
    if format_ is not None:
        chosen = parse_ref(format_)
        report = registry.make("reports", chosen.name, chosen.options)
        if SUFFIX not in get_capabilities(report, ReportCapabilities).suffixes:
            raise RecipeError(f"--engine ray writes Parquet files; leave out --format {format_}")
        return chosen
    writers = [
        name
        for name, report in registry.make_all("reports").items()
        if SUFFIX in get_capabilities(report, ReportCapabilities).suffixes
    ]
    if len(writers) != 1:
        found = f"these do: {', '.join(writers)}; choose one with --format" if writers else "no installed plugin does"
        raise RecipeError(f"--engine ray needs a report that writes {SUFFIX} files; {found}")
    return ComponentRef(name=writers[0])


def refuse_with_ray(given: Mapping[str, object]) -> None:
    """Raises RecipeError for flags that need all images of a run; workers see those of one part. None: not given."""
    if named := [flag for flag, value in given.items() if value is not None]:
        raise RecipeError(
            f"{', '.join(named)}: not with --engine ray, whose workers see the images of one part each; give the images as a "
            "table with their metadata, or classify in this process"
        )


def run(job: Job, command: str, images: tuple[str, ...], flags: RayFlags, *, quiet: bool) -> int:
    """Has Ray's workers do the job for all images. Returns the number of images that failed."""
    from bioclip_x.distributed.cluster import Cluster
    from bioclip_x.distributed.partitions import PARTITION_SIZE
    from bioclip_x.distributed.run import Request, run_on_ray
    from bioclip_x.progress import Progress

    if not images:
        raise RecipeError("--engine ray needs IMAGES: files, folders, globs, URLs, tables, or - for paths on stdin")
    stdin = open_utf8_stdin().read() if "-" in images else ""
    request = Request(job, images, stdin, flags.output, flags.partition_size or PARTITION_SIZE, command)
    cluster = Cluster(flags.ray_address, flags.ray_workers, flags.gpus_per_worker)
    say: Callable[[str], None] = (lambda line: None) if quiet else _say
    with Progress(enabled=not quiet, images=True) as progress:
        try:
            return run_on_ray(request, cluster, progress, say)
        except KeyboardInterrupt:
            say(f"stopped; the parts that are finished are in {flags.output}, and the same command goes on")
            raise


def _say(line: str) -> None:
    echo(escape_controls(line), err=True)
