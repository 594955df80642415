"""`--resume`: the journal that a run keeps beside its first output file until its outputs are complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import click

from bioclip_x.errors import RecipeError
from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.hooks.components import ProvenanceReader
from bioclip_x.inference.result_journal import ResultJournal
from bioclip_x.inference.sinks import Sink
from bioclip_x.io.storage.journal import describe_differences
from bioclip_x.io.storage.replacement import is_written_in_place
from bioclip_x.messages import pluralise
from bioclip_x.recipe import ONLY_SPEED

JOURNAL: Final = ".journal"


def list_files(sinks: Sequence[Sink]) -> list[Path]:
    """Lists the output files that a run completes, without pipes and devices."""
    return [path for _, path in sinks if path is not None and not is_written_in_place(path)]


def find_journal(sinks: Sequence[Sink]) -> Path | None:
    """Returns the path of the run's journal; None if all outputs are streams, which cannot be resumed."""
    return next((path.with_name(path.name + JOURNAL) for path in list_files(sinks)), None)


def is_finished(sinks: Sequence[Sink], header: Mapping[str, Any]) -> bool:
    """Whether an earlier run has completed all output files.

    Raises RecipeError, naming what differs, if that was a run with another recipe or model.
    """
    path = find_journal(sinks)
    files = list_files(sinks)
    if path is None or path.exists() or not files or not all(file.exists() for file in files):
        return False
    for report, file in sinks:
        if file in files and get_capabilities(report, ReportCapabilities).reads_provenance:
            with naming(report, "read_provenance", str(file)):
                found = cast(ProvenanceReader, report).read_provenance(file)
            if not isinstance(found, Mapping):
                refuse(report, "read_provenance", "a mapping", found, str(file))
            if differences := _compare(found, header):
                raise RecipeError(
                    f"{file} is the output of another run: {'; '.join(differences)}. Leave out --resume to replace it"
                )
    return True


def _compare(found: Mapping[str, Any], header: Mapping[str, Any]) -> list[str]:
    """Describes the differences of a report's provenance from a run's header, in what both of them have."""
    recipe = {name: value for name, value in found.get("recipe", {}).items() if name not in ONLY_SPEED}
    before = {name: value or "" for name, value in {**found, "recipe": recipe}.items() if name in header}
    return describe_differences(before, {name: header[name] or "" for name in before}) if found else []


@contextmanager
def keep_results(
    sinks: Sequence[Sink], header: dict[str, Any], batch_size: int, *, resume: bool, quiet: bool
) -> Iterator[ResultJournal | None]:
    """Keeps the run's results in a journal, and deletes it when the block succeeds; None if all outputs are streams.

    Raises BioclipXError as `start_journal`.
    """
    path = find_journal(sinks)
    if path is None:
        yield None
        return
    journal = ResultJournal.open(path, header, batch_size, resume=resume)
    try:
        yield journal
    except BaseException:
        journal.close()
        if not journal.written:
            journal.delete()
        elif not quiet:
            kept = pluralise(journal.written, "result")
            click.echo(f"stopped with {kept} in {path}: the same command with --resume goes on", err=True)
        raise
    journal.delete()
