"""Checks of reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from bioclip_x.capabilities import ReportCapabilities
from bioclip_x.errors import RecipeError
from bioclip_x.records import Result
from bioclip_x.registry import get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_provenance, make_result

HOSTILE = "<script>alert(1)</script>\"';--\t\x1b[31m|=1+1"
MANY = 3000
RESULTS = (make_result(), Result("b.jpg", error="it is not an image"), Result("c.jpg", refused="a photograph"))


def write(subject: Subject, folder: Path, results: Sequence[Result] | Iterator[Result]) -> Path:
    """Writes results to a new file of the report's own suffix."""
    report = subject.make()
    suffixes = get_capabilities(report, ReportCapabilities).suffixes
    path = folder / f"report{suffixes[0] if suffixes else '.out'}"
    try:
        with report.open(path, make_provenance()) as writer:
            for result in results:
                writer.write(result)
    except RecipeError as problem:  # it needs what these results have not
        raise NotApplicable(str(problem)) from problem
    return path


def read_all(folder: Path) -> bytes:
    """Returns the content of all files of a folder: a report may consist of several."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def check_every_kind_of_result_is_written(subject: Subject) -> None:
    """Predictions, errors and refusals are written to a file; the names of images are in it, if it is text."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = write(subject, folder, RESULTS)
        assert path.exists(), f"expected the file {path.name}"
        if not get_capabilities(subject.make(), ReportCapabilities).binary:
            text = read_all(folder).decode("utf-8")
            for result in RESULTS:
                assert result.source in text, f"expected the image {result.source} in the report"


def check_no_results_are_a_report_as_well(subject: Subject) -> None:
    """A run without images gives a file."""
    with TemporaryDirectory() as name:
        assert write(subject, Path(name), ()).exists(), "expected a file"


def check_a_failed_run_leaves_no_file(subject: Subject) -> None:
    """The file appears only when it is complete, and an existing one stays until then."""

    def fail() -> Iterator[Result]:
        yield RESULTS[0]
        raise KeyboardInterrupt

    with TemporaryDirectory() as name:
        before = write(subject, Path(name), RESULTS).read_bytes()
        with suppress(KeyboardInterrupt):
            write(subject, Path(name), fail())
        suffixes = get_capabilities(subject.make(), ReportCapabilities).suffixes
        path = Path(name) / f"report{suffixes[0] if suffixes else '.out'}"
        assert path.read_bytes() == before, "expected the earlier file to stay until the new one is complete"


def check_names_are_escaped(subject: Subject) -> None:
    """Names with markup, quotes and control characters do not break its format, nor run as a script."""
    with TemporaryDirectory() as name:
        path = write(subject, Path(name), (make_result(HOSTILE, f"Parus {HOSTILE}"), make_result("after.jpg")))
        content = read_all(Path(name))
        assert path.exists() and content, "expected a file"
        if path.suffix in (".html", ".htm", ".svg"):
            assert b"<script>alert(1)" not in content, "expected markup in names to be escaped"
        if not get_capabilities(subject.make(), ReportCapabilities).binary:
            assert b"after.jpg" in content, "expected the results after an odd name"


def check_equal_results_give_equal_files(subject: Subject) -> None:
    """Written twice, the same results give the same file."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        for folder in (first, second):
            write(subject, Path(folder), RESULTS)
        assert read_all(Path(first)) == read_all(Path(second)), "expected the same content twice"


def check_results_are_written_one_by_one(subject: Subject) -> None:
    """It writes results as they come: memory does not grow with their number."""
    import gc
    import weakref

    alive: list[weakref.ref[list[int]]] = []
    kept: list[int] = []

    class Name(str):
        """A string that can be told when it is gone."""

    def watch() -> Iterator[Result]:
        for number in range(MANY):
            name = Name(f"{number}.jpg")
            alive.append(weakref.ref(name))  # type: ignore[arg-type]
            yield make_result(name)
        del name
        gc.collect()
        kept.append(sum(one() is not None for one in alive))

    with TemporaryDirectory() as folder:
        write(subject, Path(folder), watch())
    most = max(kept)
    assert most < MANY / 2, f"expected results to be written as they come, it keeps {most} of {MANY} until the end"
