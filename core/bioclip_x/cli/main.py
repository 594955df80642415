"""`bioclip-x`: finds the subcommands, and turns errors into one line and an exit status.

Exit status: 0 success, 1 some images failed, 2 invalid request.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from bioclip_x import __version__
from bioclip_x.cli import commands
from bioclip_x.errors import BioclipXError
from bioclip_x.messages import escape_controls
from bioclip_x.registry import Registry, create_registry, from_environment


class Program(click.Group):
    """Subcommands come from plugins, and are imported when they are run, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_registry(ctx).components("commands"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        registry = _registry(ctx)
        if cmd_name not in registry.components("commands"):
            return None
        command: click.Command = registry.target("commands", cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, component.spec.summary) for name, component in _registry(ctx).components("commands").items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _registry(ctx: click.Context) -> Registry:
    """Returns the registry of this call, made once; prints a warning for each installed plugin that is broken."""
    if ctx.obj is None:
        strict = bool(ctx.params.get("strict_plugins"))
        ctx.obj = create_registry(strict=strict, own={"cli": commands}, **from_environment())
        for warning in ctx.obj.warnings:
            click.echo(f"warning: {warning}", err=True)
    registry: Registry = ctx.obj
    return registry


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--strict-plugins", is_flag=True, is_eager=True, help="Treat a broken installed plugin as an error.")
@click.version_option(__version__, prog_name="bioclip-x")
@click.pass_context
def program(ctx: click.Context, strict_plugins: bool) -> None:
    """Names organisms in images at the rank it can defend, and says why, in words.

    \b
    Environment:
      BIOCLIP_X_PLUGINS  load these installed plugins only (names, comma separated)
      BIOCLIP_X_TRACE=1  print every hook call to stderr
      BIOCLIP_X_CONFIG   the configuration file (YAML); see `bioclip-x config`
      BIOCLIP_X_MODEL, BIOCLIP_X_DEVICE, BIOCLIP_X_PRECISION, BIOCLIP_X_BATCH_SIZE,
      BIOCLIP_X_WORKERS, BIOCLIP_X_LANGUAGE
                         defaults for the flags of these names; the file can set them too
      BIOCLIP_X_CACHE    folder for data that can be recomputed: embedded texts, drawings
      BIOCLIP_X_DATA     folder for data that cannot: calibrations
    """
    _registry(ctx)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # Not program.main(), which exits with status 1 when the reader closes the pipe (`| head`).
        with program.make_context("bioclip-x", given) as context:
            program.invoke(context)
        sys.exit(0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except BioclipXError as error:
        click.echo(f"error: {escape_controls(str(error), keep=chr(10))}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except (MemoryError, RuntimeError) as problem:
        from bioclip_x.device_memory import find_shortage

        if not find_shortage(problem):
            raise
        click.echo(f"error: out of memory ({str(problem)[:200]}); a smaller --batch-size needs less", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # Keeps Python from reporting at exit what it could not write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
