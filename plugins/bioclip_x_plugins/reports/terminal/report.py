"""A readable block per image, for a terminal or a pipe."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from rich.console import Console, RenderableType

from bioclip_x.plugin import Provenance, ReportCapabilities, Result, open_output
from bioclip_x_plugins.reports.result_text import find_language, has_italic_classes
from bioclip_x_plugins.reports.terminal.blocks import Layout, render_footer, render_result

FILE_WIDTH = 100


class TableReport:
    """What each image shows, where that lies on the tree, and why.

    strongest: descriptors to show of the winner and of the runner-up.
    width: columns; none takes the terminal's, and 100 in a file.
    """

    capabilities = ReportCapabilities(suffixes=(".txt",))

    def __init__(
        self,
        *,
        strongest: Annotated[int, Field(ge=1)] = 5,
        width: Annotated[int, Field(ge=40)] | None = None,
    ) -> None:
        self.strongest, self.width = strongest, width

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        encoding = "utf-8" if output else getattr(sys.stdout, "encoding", None) or "utf-8"
        width = self.width or (FILE_WIDTH if output else max(40, shutil.get_terminal_size().columns))
        with open_output(output, encoding, keep_partial=True, styled=True) as stream:
            # No emoji, no highlighting: names are printed as they are spelt.
            console = Console(file=stream, width=width, highlight=False, emoji=False, markup=False)
            ascii_only = console.options.ascii_only
            layout = Layout(
                width, find_language(provenance), self.strongest, has_italic_classes(provenance), ascii_only
            )
            writer = _Writer(stream, console, layout)
            yield writer
            writer.put(render_footer(provenance, layout, writer.named, writer.refused, writer.failed))


class _Writer:
    def __init__(self, stream: Any, console: Console, layout: Layout) -> None:
        self._stream, self._console, self._layout = stream, console, layout
        self.named = self.refused = self.failed = 0
        self._image: list[Result] = []

    def write(self, result: Result) -> None:
        if result.level != "event":
            self._count(result)
        self.put(render_result(result, self._layout))

    def _count(self, result: Result) -> None:
        """An image with boxes counts once: as named if one of them is, else as failed if one of them is."""
        self._image.append(result)
        if not result.is_last_of_image:
            return
        if any(one.predictions for one in self._image):
            self.named += 1
        elif any(one.error for one in self._image):
            self.failed += 1
        else:
            self.refused += 1
        self._image = []

    def put(self, block: RenderableType) -> None:
        with self._console.capture() as captured:
            self._console.print(block)
        # rich fills every line of a grid with spaces, which are in the way of whoever pipes or pastes it.
        self._stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
