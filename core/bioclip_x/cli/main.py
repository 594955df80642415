"""`bioclip-x`: finds the subcommands, and turns errors into one line and an exit status.

Exit status: 0 success, 1 some images failed, 2 invalid request, 3 a fault of the program itself, 130 or 143 interrupted.
"""

from __future__ import annotations

import copy
import io
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from itertools import pairwise, takewhile
from typing import Any, Final, TextIO

import click

from bioclip_x import __version__
from bioclip_x.cli import commands
from bioclip_x.cli.flags import PLUGIN_METAVAR, components_option
from bioclip_x.cli.standard_streams import guard_streams
from bioclip_x.errors import BioclipXError, OldNameWarning, PluginError, PluginWarning
from bioclip_x.faults import abbreviate, get_at_hand, naming_by, summarise
from bioclip_x.hooks.registration import BLOCK
from bioclip_x.hooks.registry import Registry, create_registry, from_environment
from bioclip_x.io.numbers import parse_whole_number
from bioclip_x.limits import MESSAGE_CHARACTERS, TERMINAL
from bioclip_x.messages import escape_controls
from bioclip_x.prints import divert_descriptor, divert_prints
from bioclip_x.renamed_names import rename_flags
from bioclip_x.shortages import OUT_OF_MEMORY, describe_shortage, has_least_memory

UNFORESEEN: Final = 3
"""Exit status of an error that is no BioclipXError."""


PLUGINS: Final = "bioclip_x.plugins"
"""Key of a click context's `meta`: what all --plugin flags name, before they are parsed."""
OF_CLICK: Final = (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit)
"""Exceptions by which a command may end."""


class Program(click.Group):
    """Subcommands come from plugins, and are imported when they are run, not when they are listed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[PLUGINS] = find_plugin_flags(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_registry(ctx).components("commands"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        registry = _registry(ctx)
        if cmd_name not in registry.components("commands"):
            registry.load(ctx.meta.get(PLUGINS, ()))  # a plugin named after the subcommand may provide it
        found = registry.components("commands").get(cmd_name)
        if found is None:
            return None
        command = registry.target("commands", cmd_name)
        return command if found.plugin == "cli" else _guard(command, registry.describe("commands", cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, component.spec.summary) for name, component in _registry(ctx).components("commands").items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _guard(command: object, name: str) -> click.Command:
    """Returns a plugin's command whose failures name it, and which accepts --plugin, as do the commands of a group.

    name: as in `faults.remember`.
    """
    if not isinstance(command, click.Command):
        raise PluginError(f"{name} is {abbreviate(command)}; expected a click.Command")
    guarded = _add_plugin_flag(command)
    proceed = guarded.invoke

    def invoke(ctx: click.Context) -> Any:
        with naming_by(name, "its command", writes=True, passing=OF_CLICK):
            return proceed(ctx)

    guarded.invoke = invoke  # type: ignore[method-assign]
    return guarded


def _add_plugin_flag(command: click.Command) -> click.Command:
    """Returns a command that accepts --plugin; so do those of a group, which are found when they are called."""
    changed = copy.copy(command)
    if not any("--plugin" in one.opts for one in command.params):
        changed.params = [*command.params, *click.command()(components_option(lambda: None)).params]
    if isinstance(command, click.Group):

        def get_command(ctx: click.Context, name: str) -> click.Command | None:
            found = command.get_command(ctx, name)
            return found and _add_plugin_flag(found)

        changed.get_command = get_command  # type: ignore[attr-defined]
    return changed


def find_plugin_flags(arguments: Sequence[str]) -> list[str]:
    """Returns the values of all --plugin flags before `--`.

    >>> find_plugin_flags(["--plugin", "a", "classify", "--plugin=no:b", "--", "--plugin", "c"])
    ['a', 'no:b']
    """
    given = list(takewhile(lambda one: one != "--", arguments))
    following = [value for flag, value in pairwise(given) if flag == "--plugin"]
    joined = [one.removeprefix("--plugin=") for one in given if one.startswith("--plugin=")]
    return following + joined


def _registry(ctx: click.Context) -> Registry:
    """Returns the registry of this call, made once; prints a warning for each installed plugin that is broken."""
    if ctx.obj is None:
        strict = bool(ctx.params.get("strict_plugins"))
        left_out = [one for one in ctx.meta.get(PLUGINS, ()) if one.startswith(BLOCK)]
        plugins = [*left_out, *ctx.params.get("plugins", ())]
        ctx.obj = create_registry(plugins, strict=strict, own={"cli": commands}, **from_environment())
        for warning in ctx.obj.warnings:
            click.echo(f"warning: {escape_controls(keep_ends(warning))}", err=True)
    registry: Registry = ctx.obj
    return registry


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--strict-plugins", is_flag=True, is_eager=True, help="Treat a broken installed plugin as an error.")
@click.option(
    "--plugin", "plugins", multiple=True, metavar=PLUGIN_METAVAR, is_eager=True,
    help="Switch a plugin on, or with no:NAME leave an installed one out; may also follow the subcommand. Repeatable.",
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Print the traceback of an error; may also follow the subcommand.")
@click.version_option(__version__, prog_name="bioclip-x")
@click.pass_context
def program(ctx: click.Context, strict_plugins: bool, plugins: tuple[str, ...], debug: bool) -> None:
    """Names organisms in images at the rank it can defend, and says why, in words.

    \b
    Environment:
      BIOCLIP_X_PLUGINS  load these installed plugins only (names, comma separated);
                         with no:NAME, leave this one out
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
    ignore_sizes_of_no_terminal()
    given, debug = take_debug_flag(sys.argv[1:] if arguments is None else arguments)
    is_named = any(one in argument for argument in given for one in ("/dev/stdout", "/fd/1"))  # as a file to write
    with (
        nullcontext() if is_named else divert_descriptor() as own,
        guard_streams(own),
        log_to_stderr() if debug else nullcontext(),
        stop_on_sigterm(),
        print_warnings(),
        divert_prints(),
    ):
        run(given, debug=debug)


def run(given: list[str], *, debug: bool) -> None:
    """Runs the command line and exits; neither an Exception nor an interrupt leaves it. debug: print tracebacks."""
    command = ""
    try:
        if not has_least_memory():
            raise MemoryError
        # Not program.main(), which exits with status 1 when the reader closes the pipe (`| head`).
        with program.make_context("bioclip-x", rename_flags(given)) as context:
            try:
                program.invoke(context)
            finally:
                command = name_command(context, given)
        status: Any = 0
    except (SystemExit, click.exceptions.Exit) as done:
        status = done.code if isinstance(done, SystemExit) else done.exit_code
        if isinstance(done.__context__, BrokenPipeError):  # rich ends the program itself
            status = conclude(done.__context__, command, debug=debug)
    except BaseException as problem:  # groups are no Exceptions where an interrupt is among them
        if not isinstance(find_decisive(problem), (Exception, KeyboardInterrupt, SystemExit)):
            raise
        sys.exit(conclude(problem, command, debug=debug))
    try:
        sys.stdout.flush()  # where it cannot be written, the run has failed
    except (OSError, BioclipXError) as problem:
        status = conclude(problem, command, debug=debug)
    sys.exit(status)


def name_command(context: click.Context, given: Sequence[str]) -> str:
    """Returns the subcommand that was run, with that of a group: "taxonomy convert"."""
    name = context.invoked_subcommand or ""
    found = program.get_command(context, name) if name else None
    after = given[given.index(name) + 1 :][:1] if isinstance(found, click.Group) and name in given else []
    return " ".join([name, *after])


def conclude(problem: BaseException, command: str, *, debug: bool) -> int:
    """Tells what ended a run, in a line. Returns the exit status. command: the subcommand; "" before there was one."""
    error = find_decisive(problem)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        click.echo(escape_controls(keep_ends(shown.getvalue()), keep="\n"), err=True, nl=False)  # it may name a file
        return error.exit_code
    if isinstance(error, _Terminated):
        click.echo("terminated", err=True)
        return 128 + signal.SIGTERM
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        click.echo("interrupted", err=True)
        return 130
    if isinstance(error, BrokenPipeError):
        with suppress(OSError):  # keeps Python from reporting at exit what it could not write
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    shortage = describe_shortage(error)
    if shortage == OUT_OF_MEMORY:
        sys.unraisablehook = lambda _: None  # what libraries do at the end of the process would fail, too
        cause = summarise(error) if not isinstance(error, BioclipXError) else str(error).splitlines()[0]
        advice = "a smaller --batch-size needs less; is there a limit (ulimit -v)?"
        print_error(error, f"{OUT_OF_MEMORY} ({cause[:300]}); {advice}", debug=debug)
        return BioclipXError.exit_code
    if isinstance(error, BioclipXError):
        print_error(error, str(error), debug=debug)
        return error.exit_code
    place = ", ".join(filter(None, (command, get_at_hand(error))))
    where = f"{place}: " if place else ""
    if shortage:
        print_error(error, f"{where}{shortage}", debug=debug)
        return BioclipXError.exit_code
    hint = "" if debug else "; --debug shows where"
    print_error(error, f"{where}{summarise(error)} (a fault of bioclip-x or of a library{hint})", debug=debug)
    return UNFORESEEN


def ignore_sizes_of_no_terminal() -> None:
    """Unsets COLUMNS and LINES where they are no sizes of a terminal: tables would be as wide, and take as much memory."""
    fewest, most = TERMINAL
    for name in ("COLUMNS", "LINES"):
        size = parse_whole_number(os.environ.get(name, "0")) or 0
        if 0 < size <= most:
            os.environ[name] = str(max(fewest, size))
        else:
            os.environ.pop(name, None)


def find_decisive(problem: BaseException) -> BaseException:
    """Returns the exception of a group by which the run ends: an interrupt, else an unforeseen one, else the first."""
    members = [find_decisive(one) for one in getattr(problem, "exceptions", ())]
    if not isinstance(problem, BaseException) or not members:
        return problem
    return min(members, key=lambda one: 0 if not isinstance(one, Exception) else 1 + isinstance(one, BioclipXError))


def take_debug_flag(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Takes --debug out of the arguments before `--`, since every subcommand accepts it. Returns whether it was there."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    return [one for one in given[:end] if one != "--debug"] + given[end:], "--debug" in given[:end]


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Prints what the package logs, such as the tracebacks of failures that are rows of the output."""
    logger, handler = logging.getLogger("bioclip_x"), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def print_warnings() -> Iterator[None]:
    """Prints what to write instead of a user's old name, and which component is left out, on stderr, in a line."""
    show = warnings.showwarning

    def show_or_print(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, OldNameWarning | PluginWarning):
            click.echo(f"warning: {escape_controls(keep_ends(str(message)))}", err=True)
        else:
            show(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        for kind in (OldNameWarning, PluginWarning):
            warnings.simplefilter("default", kind)
        warnings.showwarning = show_or_print
        yield


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM stop the program as Ctrl-C does, so that what is finished is kept."""
    if threading.current_thread() is not threading.main_thread():  # where signals arrive
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_error(error: BaseException, message: str, *, debug: bool) -> None:
    """Prints an error on stderr, below its traceback if `debug`."""
    if debug:
        click.echo(escape_controls("".join(traceback.format_exception(error)), keep="\n"), err=True)
    click.echo(f"error: {escape_controls(keep_ends(message), keep=chr(10))}", err=True)


def keep_ends(message: str) -> str:
    """Returns the beginning and the end of a message that is as long as no name or file makes it.

    >>> len(keep_ends("x" * 1_000_000)) < 20_000
    True
    """
    half = MESSAGE_CHARACTERS // 2
    return message if len(message) <= 2 * half else f"{message[:half]} … {message[-half:]}"


class _Terminated(KeyboardInterrupt):
    """SIGTERM, on which a run stops as on Ctrl-C: what is finished is kept."""


def _stop(*_: object) -> None:
    raise _Terminated


if __name__ == "__main__":
    main()
