"""`bioclip-x train`: trains a model on labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import plugin_option, quiet_option
from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.outputs.overwrites import is_same_file
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io import strict_yaml

RESUME = ("newest", "auto")

if TYPE_CHECKING:
    from bioclip_x.training.config import TrainConfig


class _Train(click.Command):
    """Takes --resume without a value also where a file follows it (`--resume train.yaml`)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        following = [*args[1:], ""]
        args = [
            f"{arg}=newest" if arg == "--resume" and then not in RESUME else arg for arg, then in zip(args, following)
        ]
        return super().parse_args(ctx, args)


@click.command(name="train", cls=_Train)
@click.argument("config", type=PathName())
@plugin_option
@click.option("--output", type=PathName(), help="Folder of the run; overrides the configuration.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="newest",
    type=click.Choice(RESUME),
    help="Resume from the newest checkpoint in the run's folder. auto: start if there is none.",
)
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
    resume: str | None,
    device: str | None,
    changes: tuple[str, ...],
    quiet: bool,
) -> None:
    """Train a model as CONFIG (YAML) says; the result loads with --model local-dir:OUTPUT/model.

    \b
    bioclip-x train examples/train.yaml --output run
    bioclip-x train examples/train.yaml --output run --resume --set epochs=40
    """  # fmt: skip
    from bioclip_x.progress import Progress
    from bioclip_x.settings import load_settings
    from bioclip_x.training.compute.world import open_world
    from bioclip_x.training.config import read_config
    from bioclip_x.training.trainer import Trainer

    # Only settings that do not affect the result: the configuration defines everything else.
    machine = {name: value for name, value in load_settings().values.items() if name in ("device", "workers")}
    fields = parse_changes(changes)
    fields |= {"output": str(output.resolve())} if output else {}
    fields |= {"device": device} if device else {}
    settings = load_plugins(registry, read_config(config, fields, defaults=machine), plugins)
    refuse_replacing_model(settings)
    with open_world(settings.device) as world, Progress(enabled=not quiet and world.is_main):
        quiet = quiet or not world.is_main
        trainer = Trainer(settings, registry, resume="auto" if resume == "auto" else bool(resume), world=world)
        resumed = f", resuming after step {trainer.place.step}" if trainer.resumed else ""
        on = (
            f"{trainer.encoder.device}"
            if world.size == 1
            else f"{world.size} processes ({trainer.encoder.device.type})"
        )
        summary = f"{trainer.total_steps} steps on {on} in {trainer.precision}{resumed}; {trainer.folder}"
        _print_notes(trainer.notes, summary, quiet=quiet)
        try:
            outcome = trainer.run()
        except KeyboardInterrupt:  # SIGTERM, too; the main program prints the rest
            if trainer.saved:
                saved = f"saved {trainer.saved} after step {trainer.place.step}; --resume continues"
                _print_notes((), saved, quiet=quiet)
            raise
        _print_notes(outcome.notes, quiet=quiet)
        if world.is_main:
            echo(outcome.model)


def load_plugins(registry: Registry, config: TrainConfig, plugins: Sequence[str]) -> TrainConfig:
    """Loads the configuration's plugins and those of --plugin, which are added to it, so that it repeats the run."""
    own = [str(config.path(Path(name)).resolve()) if name.endswith(".py") else name for name in config.plugins]
    more = [str(Path(name).resolve()) if name.endswith(".py") else name for name in plugins]
    named = tuple(dict.fromkeys((*own, *more)))
    registry.load(named)
    return config.model_copy(update={"plugins": named})


def refuse_replacing_model(config: TrainConfig) -> None:
    """Raises TrainingError if the trained model would be written over the one that training starts from."""
    scheme, _, place = config.model.partition(":") if isinstance(config.model, str) else ("", "", "")
    result = config.path(config.output) / "model"
    if scheme == "local-dir" and is_same_file(config.path(Path(place)), result):
        raise TrainingError(f"output: {result} would replace the model that training starts from; name another folder")


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
            fields[name.strip()] = strict_yaml.load(value)
        except strict_yaml.InvalidDocument as problem:
            raise TrainingError(f"--set {change[:200]}: {value[:80]!r} is not a YAML value: {problem}") from None
    return fields
