"""Text for a terminal or a pipe: names from files never pass through rich's markup, and move no cursor."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bioclip_x.messages import escape_controls

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

FILE_WIDTH: Final = 100
NARROWEST: Final = 40


def make_safe_text(text: str, style: str = "") -> Text:
    """As it is spelt, whatever it holds."""
    from rich.text import Text

    return Text(escape_controls(text), style)


@contextmanager
def open_printer(output: Path | None = None) -> Iterator[Callable[[RenderableType], None]]:
    """A function that prints to the file, or stdout: as wide as the terminal, and 100 columns where there is none."""
    from rich.console import Console

    from bioclip_x.io.streams import open_output

    encoding = "utf-8" if output else getattr(sys.stdout, "encoding", None) or "utf-8"
    width = FILE_WIDTH if output else shutil.get_terminal_size((FILE_WIDTH, 24)).columns
    with open_output(output, encoding) as stream:
        console = Console(file=stream, width=max(NARROWEST, width), highlight=False, emoji=False, markup=False)

        def put(block: RenderableType) -> None:
            with console.capture() as captured:
                console.print(block)
            _write_stripped(stream, captured.get())

        yield put


def _write_stripped(stream: Any, text: str) -> None:
    # rich fills lines with spaces, which are in the way of whoever pipes or pastes them.
    stream.write("".join(f"{line.rstrip()}\n" for line in text.removesuffix("\n").split("\n")))
