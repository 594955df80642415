"""`bioclip-x app`: a page in the browser."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import warnings
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from bioclip_x.app.choices import UNUSED_FIELDS
from bioclip_x.cli.flags import make_recipe_flags, plugin_option, quiet_option, recipe_option
from bioclip_x.cli.option_types import PathName, WholeNumbers
from bioclip_x.hooks.registry import Registry
from bioclip_x.recipe import Recipe

LEFT_OUT: Final = ("plugins", "labels", "event_by", "event_pooling", "frames")
FIELDS: Final = (*(name for name in Recipe.model_fields if name not in LEFT_OUT), "background", "inherit")
"""All flags of `classify` but those of events and videos, and --labels, which is the file of corrected names here."""
TEXT_FIELDS: Final = ("text", "descriptors", "scorer", "background", "inherit")
"""Flags that choose the texts; without any of them the page begins with the model's own descriptors."""


def _make_refused_flags() -> list[click.Parameter]:
    """Makes flags that the help leaves out, so that they are told as a recipe's fields are, not as misspelt."""
    flags = make_recipe_flags(*UNUSED_FIELDS)
    for flag in flags:
        assert isinstance(flag, click.Option)
        flag.hidden = True
    return flags


@click.command(name="app", params=[*make_recipe_flags(*FIELDS), *_make_refused_flags()])
@plugin_option
@recipe_option
@click.option("--port", type=WholeNumbers(1, 65535), help="Port on 127.0.0.1.  [default: the first free one from 8760]")
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.  [default: browser]")
@click.option(
    "--labels",
    type=PathName(dir_okay=False),
    default=Path("bioclip-x-labels.csv"),
    show_default=True,
    metavar="FILE",
    help="Table of the names that were corrected; made when it is needed.",
)
@click.option(
    "--folder",
    type=PathName(file_okay=False),
    metavar="FOLDER",
    help="Where photos are copied whose names were corrected; below the table's folder.  [default: the table's name with "
    "-photos]",
)
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    /,
    plugins: tuple[str, ...],
    recipe: Path | None,
    port: int | None,
    browser: bool,
    labels: Path,
    folder: Path | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Name photos in the browser, ask why, and correct the names. Nothing leaves this machine.

    Prints the address of the page, which only this machine can open; Ctrl-C ends it. Corrected names are a table that
    evaluate, calibrate and train read.

    \b
    bioclip-x app
    bioclip-x app --model bioclip-2 --taxonomy my-species.csv --descriptors d.yaml
    bioclip-x evaluate bioclip-x-labels.csv --plugin descriptors
    """  # fmt: skip
    from bioclip_x.app.server import bind, check_installed, serve, write_redirect

    check_installed()
    warnings.filterwarnings("ignore", module="PIL")
    names = registry.load(plugins)

    from bioclip_x.app.choices import Choices
    from bioclip_x.app.labels import LabelFile
    from bioclip_x.app.loaded import find_card_report, load_first
    from bioclip_x.app.session import Session
    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.progress import Progress

    label_file = LabelFile(labels, folder)

    def resolve_with(changes: Mapping[str, Any]) -> tuple[Recipe, tuple[str, ...]]:
        return resolve(registry, file=recipe, plugins=names, flags={"labels": None, **fields, **changes})

    with ExitStack() as stack:
        bound = stack.enter_context(bind(port))
        choices = Choices(registry, resolve_with)
        card_report = find_card_report(registry)
        is_plain = not (plugins or recipe or any(fields[name] is not None for name in TEXT_FIELDS))
        with Progress(enabled=not quiet) as progress:
            loaded = load_first(registry, choices, is_plain=is_plain, progress=progress.texts)
        if not quiet:
            click.echo(f"corrected names: {label_file.path}; their photos: {label_file.folder}", err=True)
        temporary = tempfile.TemporaryDirectory(prefix="bioclip-x-app-", ignore_cleanup_errors=True)
        folder_of_session = Path(stack.enter_context(temporary))

        def announce(address: str) -> None:
            click.echo(address)
            sys.stdout.flush()
            if browser and can_open_browser():
                # Any user can read the arguments of a process, and the address has the token.
                page = write_redirect(folder_of_session, address).as_uri()
                threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

        serve(Session(registry, choices, loaded, card_report, label_file, folder_of_session), bound, announce)
    end_at_once()


def end_at_once() -> None:
    """Ends the program with status 0. Tearing down the interpreter takes a second, and aborts where a model is running."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def can_open_browser() -> bool:
    """Whether there is a screen: without one, a text browser would take the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
