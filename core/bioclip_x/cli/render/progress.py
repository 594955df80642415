"""Shows progress on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

T = TypeVar("T")


class Progress:
    """Progress bars of embedding texts and labelled images, and a count of images.

    images: whether to count images; False where results go to the same terminal.
    """

    def __init__(self, *, enabled: bool, images: bool = True) -> None:
        self._shows_images = images
        self._rich = RichProgress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), disable=not (enabled and sys.stderr.isatty()), transient=True,
        )  # fmt: skip
        self._texts = self._rich.add_task("embedding texts", total=None, visible=False)

    def __enter__(self) -> Progress:
        self._rich.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._rich.stop()

    def texts(self, done: int, total: int) -> None:
        self._rich.update(self._texts, completed=done, total=total, visible=done < total)

    def labelled(self, done: int, total: int) -> None:
        if not hasattr(self, "_labelled"):
            self._labelled = self._rich.add_task("labelled images", total=total)
        self._rich.update(self._labelled, completed=done, total=total)

    def images(self, results: Iterable[T]) -> Iterator[T]:
        if not self._shows_images:
            self._rich.stop()
            yield from results
            return
        task = self._rich.add_task("images", total=None)
        for result in results:
            self._rich.advance(task)
            yield result
