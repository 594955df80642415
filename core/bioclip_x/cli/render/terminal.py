"""Prints text to a terminal or pipe: names from files are not parsed as rich markup and cannot move the cursor."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bioclip_x.messages import escape_controls

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

FILE_WIDTH: Final = 100
NARROWEST: Final = 40


def make_safe_text(text: str, style: str = "") -> Text:
    """Makes literal text: no markup is parsed, and control characters are escaped."""
    from rich.text import Text

    return Text(escape_controls(text), style)


def echo(text: object, *, err: bool = False) -> None:
    """Prints a line on stdout or stderr; on a terminal with its control characters escaped, as names may have some."""
    stream = sys.stderr if err else sys.stdout
    click.echo(escape_controls(str(text), keep="\t\n") if stream.isatty() else str(text), err=err)


@contextmanager
def open_printer(output: Path | None = None) -> Iterator[Callable[[RenderableType], None]]:
    """Yields a function that prints to the file or stdout, as wide as the terminal or, without one, 100 columns."""
    from rich.console import Console

    from bioclip_x.io.storage.streams import open_output

    encoding = "utf-8" if output else getattr(sys.stdout, "encoding", None) or "utf-8"
    width = FILE_WIDTH if output else shutil.get_terminal_size((FILE_WIDTH, 24)).columns
    with open_output(output, encoding, styled=True) as stream:
        console = Console(file=stream, width=max(NARROWEST, width), highlight=False, emoji=False, markup=False)

        def put(block: RenderableType) -> None:
            with console.capture() as captured:
                console.print(block)
            _write_stripped(stream, captured.get())

        yield put


def _write_stripped(stream: Any, text: str) -> None:
    # rich pads lines with spaces, which are unwanted in pipes and when copied.
    stream.write("".join(f"{line.rstrip()}\n" for line in text.removesuffix("\n").split("\n")))
