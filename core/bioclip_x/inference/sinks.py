"""The outputs of a run: which report writes which file, and the writing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from bioclip_x.errors import RecipeError
from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.hooks.components import Report
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.storage.streams import refuse_terminal
from bioclip_x.messages import suggest

if TYPE_CHECKING:
    from bioclip_x.records import Provenance, Result

Sink = tuple[Report, Path | None]
"""A report and its file; None for stdout."""


def write_all(provenance: Provenance, results: Iterable[Result], sinks: Sequence[Sink]) -> int:
    """Writes each result to every report as it arrives. Returns the number of images that failed.

    If the reader of standard output closes the pipe (`| head`), the other reports are completed; without others it stops.
    """
    failed = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(_Writer(report, path, provenance)) for report, path in sinks]
        for result in results:
            failed += bool(result.error) and result.is_last_of_image
            for writer in writers:
                writer.write(result)
            if all(writer.gone for writer in writers):
                raise BrokenPipeError
    return failed


class _Writer:
    """A report being written; a broken pipe ends this report only."""

    def __init__(self, report: Report, path: Path | None, provenance: Provenance) -> None:
        self._report = report
        with naming(report, "open", writes=True):
            self._context = report.open(path, provenance)
        if not hasattr(self._context, "__enter__"):
            refuse(report, "open", "a context manager that gives a writer", self._context)
        self.gone = False

    def __enter__(self) -> _Writer:
        with naming(self._report, "open", writes=True):
            self._writer = self._context.__enter__()
        if not hasattr(self._writer, "write"):
            refuse(self._report, "open", "a context manager that gives a writer with a method 'write'", self._writer)
        return self

    def write(self, result: Result) -> None:
        if not self.gone:
            try:
                with naming(self._report, "write", result.source, writes=True):
                    self._writer.write(result)
            except BrokenPipeError:
                self.gone = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            with naming(self._report, "close", writes=True):
                self._context.__exit__(kind, error, tb)
        except BrokenPipeError:
            self.gone = True


def make_report(registry: Registry, format_: str | None, output: Path | None) -> Report:
    """Makes the report for stdout or --output: the one named, else by the file's suffix, else the default."""
    from bioclip_x.hooks.options import parse_ref

    if format_ is None and output is not None and output.suffix:
        return find_report(registry, output, "--output")
    chosen = parse_ref(format_ or registry.required_default("reports"))
    report = registry.make("reports", chosen.name, chosen.options)
    if get_capabilities(report, ReportCapabilities).binary:
        refuse_terminal(output, chosen.name)  # before the model is loaded
    return report


def choose_report(registry: Registry, given: Path) -> tuple[Report, Path]:
    """Makes the report of `--report FILE`, by its suffix, or of `--report NAME:FILE`. Raises RecipeError."""
    name, colon, file = str(given).partition(":")
    known = registry.components("reports")
    if colon and name in known and file:
        return registry.make("reports", name), Path(file)
    if colon and re.fullmatch(r"[\w-]{2,}", name):  # a single letter is a drive
        reason = suggest(name, known) if file else "expected a file after the colon"
        raise RecipeError(f"--report {given}: no report is called {name!r}; {reason}. A file of that name is ./{given}")
    return find_report(registry, given), given


def find_report(registry: Registry, path: Path, flag: str = "--report") -> Report:
    """Finds the report for a file's suffix. Raises RecipeError if there is none, with a list, or more than one."""
    known: dict[str, str] = {}
    found: dict[str, Report] = {}
    for name, report in registry.make_all("reports").items():
        suffixes = get_capabilities(report, ReportCapabilities).suffixes
        if path.suffix.lower() in suffixes:
            found[name] = report
        known |= dict.fromkeys(suffixes, name)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        claims = " and ".join(registry.describe("reports", name) for name in found)
        raise RecipeError(
            f"{flag} {path}: {claims} each write {path.suffix.lower()} files; choose one with "
            f"{'--format NAME' if flag == '--output' else f'{flag} NAME:FILE'}: {' or '.join(found)}"
        )
    raise RecipeError(
        f"{flag} {path}: there is no report for {path.suffix or 'files without suffix'}; known: {', '.join(sorted(known))}"
    )
