"""Shows the progress of long work on stderr: a bar in a terminal or a notebook, and a line a minute in a log file.

    with Progress() as progress:
        classifier = Classifier(taxonomy="birds.csv", progress=progress.stage("texts"))
        results = list(progress.track(classifier.classify("photos/"), "images"))

Notes that arise in the middle of a run (`logging`, in the name of this package) are printed between.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import Final, Protocol, TypeVar

from bioclip_x.messages import escape_controls

T = TypeVar("T")
Report = Callable[[int, int], None]
"""Called with (done, total)."""

LINE_EVERY: Final = 60.0
"""Seconds between two lines in a log file."""
FIRST_LINE: Final = 10.0
"""Seconds before the first line of a stage."""

_running: list[Progress] = []


class Progress:
    """The progress of one run, which may have several stages; a context manager.

    enabled: False shows nothing, notes included. images: False for no progress of images, where results go to the same
    terminal.
    """

    def __init__(self, *, enabled: bool = True, images: bool = True) -> None:
        self._enabled, self._shows_images = enabled, images
        self._make_bar: type[_Bar] = _TqdmBar if is_notebook() or sys.stderr.isatty() else _LogLines
        self._bars: dict[str, _Bar] = {}
        self._notes = _Notes(enabled=enabled)

    def __enter__(self) -> Progress:
        logging.getLogger("bioclip_x").addHandler(self._notes)
        _running.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _running.remove(self)
        logging.getLogger("bioclip_x").removeHandler(self._notes)
        for stage in list(self._bars):
            self._end(stage)

    def begin(self, stage: str, done: int) -> None:
        """Begins a stage of which `done` was done by an earlier run; without it, `update` begins one at 0."""
        if self._enabled:
            self._bars[stage] = self._make_bar(stage, done)

    def update(self, stage: str, done: int, total: int | None, *, now: str = "", say: bool = False) -> None:
        """Shows how far a stage is. total: None where it is not known. now: what else there is to know, a few words.

        say: print a line now where there are lines instead of a bar.
        """
        if not self._enabled:
            return
        if stage not in self._bars:
            if done == total:  # over before there was anything to see
                return
            self._bars[stage] = self._make_bar(stage, 0)
        self._bars[stage].show(done, total, now, say=say)
        if done == total:
            self._end(stage)

    def say(self, line: str) -> None:
        """Prints a line on stderr, above a bar."""
        if self._enabled:
            _print_above(line)

    def stage(self, name: str) -> Report:
        """Returns a function that shows how far a stage is, to be called with (done, total)."""
        return lambda done, total: self.update(name, done, total)

    @property
    def texts(self) -> Report:
        return self.stage("embedding texts")

    @property
    def labelled(self) -> Report:
        return self.stage("labelled images")

    def images(
        self,
        results: Iterable[T],
        count: Callable[[], int | None] | None = None,
        completes: Callable[[T], bool] = lambda _: True,
    ) -> Iterator[T]:
        """Yields results of images, and shows how many there are. count, completes: as in `track`."""
        return self.track(results, "images", count, completes) if self._shows_images else iter(results)

    def track(
        self,
        results: Iterable[T],
        stage: str,
        count: Callable[[], int | None] | None = None,
        completes: Callable[[T], bool] = lambda _: True,
    ) -> Iterator[T]:
        """Yields results and shows how many there are.

        count: returns how many there will be, or None; it is called in a thread, since counting files may take long.
        completes: whether a result completes what is counted; an image may have several results.
        """
        total = _Total(count if self._enabled else None)
        self.update(stage, 0, None)
        done = 0
        for result in results:
            if completes(result):
                done += 1
                self.update(stage, done, total.find(done))
            yield result
        self._end(stage)

    def _end(self, stage: str) -> None:
        if stage in self._bars:
            self._bars.pop(stage).close()


def report_progress(stage: str, done: int, total: int) -> None:
    """Shows how far a stage of the run is, if the run shows its progress; for components, which are not told of it."""
    if _running:
        _running[-1].update(stage, done, total)


def find_running() -> Progress | None:
    """Returns the `Progress` that is shown now."""
    return _running[-1] if _running else None


def announce(line: str) -> None:
    """Says what begins, on a line of its own, if the run shows its progress."""
    if _running:
        _running[-1].say(line)


@contextmanager
def progress_in_notebook() -> Iterator[None]:
    """Shows in a notebook what `report_progress` reports in the block, unless a `Progress` runs already."""
    with Progress() if is_notebook() and not _running else nullcontext():
        yield


def show_in_notebook(
    results: Iterator[T], count: Callable[[], int | None], completes: Callable[[T], bool], *, show: bool | None
) -> Iterator[T]:
    """Yields results, and shows their number if `show`; None shows it in a notebook, unless a `Progress` runs already.

    count, completes: as in `Progress.track`.
    """
    if show is None:
        show = is_notebook() and not _running
    if not show:
        yield from results
        return
    with Progress() as progress:
        yield from progress.images(results, count, completes)


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config


class _Bar(Protocol):
    """What is shown of a stage. done: by an earlier run."""

    def __init__(self, stage: str, done: int) -> None: ...

    def show(self, done: int, total: int | None, now: str, *, say: bool) -> None: ...

    def close(self) -> None: ...


class _TqdmBar:
    def __init__(self, stage: str, done: int) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc=stage, initial=done, file=sys.stderr, leave=False, dynamic_ncols=True)

    def show(self, done: int, total: int | None, now: str, *, say: bool) -> None:
        self._bar.total = total
        self._bar.set_postfix_str(now, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _LogLines:
    """A line after ten seconds, then one a minute, and one at the end of a stage that took longer than the first."""

    def __init__(self, stage: str, done: int) -> None:
        self._stage, self._first = stage, done
        self._done, self._now = done, ""
        self._total: int | None = None
        self._started = self._said = time.monotonic()
        self._is_over = False

    def show(self, done: int, total: int | None, now: str, *, say: bool) -> None:
        self._done, self._total, self._now = done, total, now
        wait = FIRST_LINE if self._said == self._started else LINE_EVERY
        if say or time.monotonic() - self._said >= wait:
            self._say()

    def close(self) -> None:
        if self._said > self._started and not self._is_over:
            self._say()

    def _say(self) -> None:
        self._said, self._is_over = time.monotonic(), self._done == self._total
        line = format_progress(self._stage, self._done, self._total, self._said - self._started, self._first)
        print(f"{line}; {self._now}" if self._now else line, file=sys.stderr, flush=True)


def _print_above(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def format_progress(stage: str, done: int, total: int | None, seconds: float, first: int = 0) -> str:
    """first: what was done when the seconds began.

    >>> format_progress("images", 1200, 6000, 60.0)
    'images: 1,200 of 6,000 (20%), 0:01:00 elapsed, 0:04:00 left'
    >>> format_progress("images", 1200, None, 3661.0)
    'images: 1,200, 1:01:01 elapsed'
    >>> format_progress("steps", 1200, 6000, 60.0, first=1000)
    'steps: 1,200 of 6,000 (20%), 0:01:00 elapsed, 0:24:00 left'
    """
    parts = [f"{stage}: {done:,}", f"{_format_time(seconds)} elapsed"]
    if total and done <= total:
        parts[0] += f" of {total:,} ({done / total:.0%})"
        if first < done < total:
            parts.append(f"{_format_time(seconds * (total - done) / (done - first))} left")
    return ", ".join(parts)


def _format_time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


class _Total:
    """A number that a thread counts."""

    def __init__(self, count: Callable[[], int | None] | None) -> None:
        self._total: int | None = None
        self._count = count
        if count:
            threading.Thread(target=self._find, name="count", daemon=True).start()

    def find(self, done: int) -> int | None:
        """Returns the total; None while it is not known, and where it turned out too small or all is done."""
        return self._total if self._total is not None and self._total > done else None

    def _find(self) -> None:
        try:
            self._total = self._count() if self._count else None
        except Exception:  # whatever is wrong with the inputs, the run itself will say
            self._total = None


class _Notes(logging.Handler):
    """Prints warnings of this package as notes, above a bar."""

    def __init__(self, *, enabled: bool) -> None:
        super().__init__(logging.WARNING)
        self._enabled = enabled

    def emit(self, record: logging.LogRecord) -> None:
        if self._enabled:
            _print_above(f"note: {escape_controls(record.getMessage())}")
