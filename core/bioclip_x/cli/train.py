"""`bioclip-x train`: trains a model on labelled images."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from bioclip_x.cli.flags import plugin_option, quiet_option
from bioclip_x.cli.outputs.overwrites import is_same_file
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import TrainingError
from bioclip_x.hookspecs import hookimpl
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from rich.progress import Progress

    from bioclip_x.records.training import StepEnd
    from bioclip_x.training.config import TrainConfig
    from bioclip_x.training.trainer import Outcome, Trainer


@click.command(name="train")
@click.argument("config", type=click.Path(path_type=Path))
@plugin_option
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the run; overrides the configuration.")
@click.option("--resume", is_flag=True, help="Resume from the newest checkpoint in the run's folder.")
@click.option("--device", metavar="D", help="auto, cpu, cuda, mps; overrides the configuration.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the configuration (epochs=20, augment.horizontal_flip=0.5). Repeatable.",
)
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    config: Path,
    plugins: tuple[str, ...],
    output: Path | None,
    resume: bool,
    device: str | None,
    changes: tuple[str, ...],
    quiet: bool,
) -> None:
    """Train a model as CONFIG (YAML) says; the result loads with --model local-dir:OUTPUT/model.

    \b
    bioclip-x train examples/train.yaml --output run
    bioclip-x train examples/train.yaml --output run --resume --set epochs=40
    """  # fmt: skip
    registry.load(plugins)

    from bioclip_x.progress import Progress as StageProgress
    from bioclip_x.settings import load_settings
    from bioclip_x.training.config import read_config
    from bioclip_x.training.trainer import Trainer
    from bioclip_x.training.world import open_world

    # Only settings that do not affect the result: the configuration defines everything else.
    machine = {name: value for name, value in load_settings().values.items() if name in ("device", "workers")}
    fields = parse_changes(changes)
    fields |= {"output": str(output.resolve())} if output else {}
    fields |= {"device": device} if device else {}
    settings = read_config(config, fields, defaults=machine)
    refuse_replacing_model(settings)
    with open_world(settings.device) as world:
        quiet = quiet or not world.is_main
        with StageProgress(enabled=not quiet):  # a data set may be made now
            trainer = Trainer(settings, registry, resume=resume, world=world)
        resumed = f", resuming after step {trainer.place.step}" if resume else ""
        on = (
            f"{trainer.encoder.device}"
            if world.size == 1
            else f"{world.size} processes ({trainer.encoder.device.type})"
        )
        summary = f"{trainer.total_steps} steps on {on} in {trainer.precision}{resumed}; {trainer.folder}"
        _print_notes(trainer.notes, summary, quiet=quiet)
        outcome = run(trainer, registry, show=not quiet and sys.stderr.isatty())
        _print_notes(outcome.notes, quiet=quiet)
        if world.is_main:
            echo(outcome.model)


def refuse_replacing_model(config: TrainConfig) -> None:
    """Raises TrainingError if the trained model would be written over the one that training starts from."""
    scheme, _, place = config.model.partition(":") if isinstance(config.model, str) else ("", "", "")
    result = config.path(config.output) / "model"
    if scheme == "local-dir" and is_same_file(config.path(Path(place)), result):
        raise TrainingError(f"output: {result} would replace the model that training starts from; name another folder")


def run(trainer: Trainer, registry: Registry, *, show: bool) -> Outcome:
    """Trains. show: show a progress bar on stderr."""
    with _make_progress(enabled=show) as progress:
        bar = Bar(progress, trainer.total_steps, trainer.place.step)
        registry.manager.register(bar)
        try:
            return trainer.run()
        finally:
            registry.manager.unregister(bar)


def _print_notes(notes: Sequence[str], *lines: str, quiet: bool) -> None:
    for line in () if quiet else (*(f"note: {note}" for note in notes), *lines):
        echo(line, err=True)


def parse_changes(changes: tuple[str, ...]) -> dict[str, Any]:
    """Parses `field=value` pairs, values as YAML. Raises TrainingError for invalid ones."""
    fields: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise TrainingError(f"--set {change}: expected FIELD=VALUE")
        try:
            fields[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise TrainingError(f"--set {change}: {value!r} is not a YAML value") from None
    return fields


class Bar:
    """Plugin of a run that shows a progress bar of its steps."""

    def __init__(self, progress: Progress, total: int, done: int) -> None:
        self._progress = progress
        self._task = progress.add_task("steps", total=total, completed=done, now="")

    @hookimpl
    def training_step_ended(self, event: StepEnd) -> None:
        now = f"loss {event.loss:.3f}, scale {event.logit_scale:.1f}, {event.images_per_second:.0f} images/s"
        self._progress.update(self._task, completed=event.step, now=now)


def _make_progress(*, enabled: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"), console=Console(stderr=True), disable=not enabled,
    )  # fmt: skip
