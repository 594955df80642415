"""Checks of reports."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from xml.etree import ElementTree

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.records import Provenance, Result
from bioclip_x.testing.checks import NotApplicable, Subject, expect_defaults
from bioclip_x.testing.examples import make_figures, make_provenance, make_result

HOSTILE: Final = "<script>alert(1)</script>\"';--\t\x1b[31m|=1+1"
UNDECODABLE: Final = "b\udcff.jpg"
"""A file's name that is no UTF-8, as Python reads it."""
MANY: Final = (300, 5000)
"""Results that are written one by one; of the larger number, a report may keep some thousand."""
RESULTS: Final = (make_result(), Result("b.jpg", error="it is not an image"), Result("c.jpg", refused="a photograph"))


def read_capabilities(subject: Subject) -> ReportCapabilities:
    return get_capabilities(subject.make(), ReportCapabilities)


def find_path(subject: Subject, folder: Path) -> Path:
    """Returns a path with the report's own suffix."""
    suffixes = read_capabilities(subject).suffixes
    return folder / f"report{suffixes[0] if suffixes else '.out'}"


def write(subject: Subject, folder: Path, results: Iterable[Result]) -> Path:
    """Writes results to a file. Raises NotApplicable for a report that needs what they have not."""
    path = find_path(subject, folder)
    write_to(subject, path, results)
    return path


def write_to(subject: Subject, output: Path | None, results: Iterable[Result]) -> None:
    try:
        with subject.make().open(output, make_provenance()) as writer:
            for result in results:
                writer.write(result)
    except RecipeError as problem:
        raise NotApplicable(str(problem)) from problem


def read_all(folder: Path) -> bytes:
    """Returns the content of all files of a folder: a report may consist of several."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def read_report(path: Path) -> bytes:
    """Returns the content of a report that is a file, or a folder of files."""
    return read_all(path) if path.is_dir() else path.read_bytes()


@contextmanager
def fixed_time() -> Iterator[None]:
    """Sets SOURCE_DATE_EPOCH, from which a report that states the time is to take it."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    try:
        yield
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
        if before is not None:
            os.environ["SOURCE_DATE_EPOCH"] = before


def check_options_have_defaults(subject: Subject) -> None:
    """Every option has a default: it is made whenever a file's suffix may be its own."""
    expect_defaults(subject)


def check_every_kind_of_result_is_written(subject: Subject) -> None:
    """Predictions, errors and refusals are written to a file; the names of images are in it, if it is text."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = write(subject, folder, RESULTS)
        assert path.exists(), f"expected the file {path.name}, got none"
        if not read_capabilities(subject).binary:
            text = read_all(folder).decode("utf-8")
            for result in RESULTS:
                assert result.source in text, f"expected the image {result.source} in the report, got none of this name"


def check_no_results_are_a_report_as_well(subject: Subject) -> None:
    """A run without images gives a file."""
    with TemporaryDirectory() as name:
        path = write(subject, Path(name), ())
        assert path.exists(), f"expected the file {path.name} of a run without images, got none"


def check_standard_output_is_written(subject: Subject) -> None:
    """Without a file it writes to standard output, if it is text, and leaves that open."""
    if read_capabilities(subject).binary:
        raise NotApplicable("it is not text, and not written to a terminal")
    stream = io.StringIO()
    with redirect_stdout(stream):
        write_to(subject, None, RESULTS)
    assert not stream.closed, "expected standard output to be left open, got it closed"
    for result in RESULTS:
        assert result.source in stream.getvalue(), f"expected the image {result.source} on standard output, got none"


def check_a_failed_run_leaves_no_file(subject: Subject) -> None:
    """The file appears only when it is complete, and an existing one stays until then."""

    def fail() -> Iterator[Result]:
        yield RESULTS[0]
        raise KeyboardInterrupt

    with TemporaryDirectory() as name:
        with suppress(KeyboardInterrupt):
            write(subject, Path(name), fail())
        path = find_path(subject, Path(name))
        assert not path.exists(), f"expected no file {path.name} of a run that failed, got one"
        before = read_report(write(subject, Path(name), RESULTS))
        with suppress(KeyboardInterrupt):
            write(subject, Path(name), fail())
        assert read_report(path) == before, (
            "expected the earlier file to stay until the new one is complete, got another"
        )


def check_names_are_escaped(subject: Subject) -> None:
    """Names with markup, quotes and control characters do not break its format, nor run as a script."""
    with TemporaryDirectory() as name:
        path = write(subject, Path(name), (make_result(HOSTILE, f"Parus {HOSTILE}"), make_result("after.jpg")))
        assert path.exists(), f"expected the file {path.name}, got none"
        if read_capabilities(subject).binary:
            return
        text = read_all(Path(name)).decode("utf-8")
        assert "after.jpg" in text, "expected the results after an odd name, got none"
        try:
            parse(path.suffix, path.read_text("utf-8") if path.is_file() else "")
        except (ValueError, csv.Error, ElementTree.ParseError) as problem:
            raise AssertionError(f"expected odd names to leave the format whole, got {problem}") from problem


def parse(suffix: str, text: str) -> None:
    """Parses the content of a file, if its suffix is of a known format. Raises ValueError or ParseError."""
    if suffix == ".json":
        json.loads(text)
    elif suffix in (".jsonl", ".ndjson"):
        for line in text.splitlines():
            json.loads(line)
    elif suffix in (".csv", ".tsv"):
        rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if suffix == ".tsv" else ",", strict=True)
        lengths = {len(row) for row in rows if not (row and row[0].startswith("#"))}
        if len(lengths) > 1:
            raise ValueError(f"rows of {min(lengths)} to {max(lengths)} cells")
    elif suffix in (".html", ".htm"):
        _Scripts().feed(text)
    elif suffix in (".xml", ".svg"):
        ElementTree.fromstring(text)


class _Scripts(HTMLParser):
    """Raises ValueError for the script that a name of an image consists of."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_script = tag == "script"
        values = [value or "" for name, value in attrs if name.startswith("on")]
        if any("alert(1)" in value for value in values):
            raise ValueError("a name that runs as a script")

    def handle_data(self, data: str) -> None:
        if getattr(self, "is_script", False) and data.strip() == "alert(1)":
            raise ValueError("a name that runs as a script")


def check_names_that_are_no_text_are_written(subject: Subject) -> None:
    """A file's name that is no UTF-8 stops no run."""
    with TemporaryDirectory() as name:
        try:
            write(subject, Path(name), (make_result(UNDECODABLE), make_result("after.jpg")))
        except UnicodeError as problem:
            raise AssertionError(f"expected a name that is no UTF-8 to be written somehow, got {problem}") from problem
        if not read_capabilities(subject).binary:
            assert b"after.jpg" in read_all(Path(name)), "expected the results after such a name, got none"


def check_equal_results_give_equal_files(subject: Subject) -> None:
    """Written twice, the same results give the same file; the time, if it is in it, is that of SOURCE_DATE_EPOCH."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second, fixed_time():
        for folder in (first, second):
            write(subject, Path(folder), RESULTS)
        assert read_all(Path(first)) == read_all(Path(second)), "expected the same content twice, got another"


def check_results_are_written_one_by_one(subject: Subject) -> None:
    """It writes results as they come: memory does not grow with their number."""
    kept = 0
    for many in MANY:
        kept = count_kept(subject, many)
        if kept < many / 2:
            return
    raise AssertionError(f"expected results to be written as they come, got {kept} of {MANY[-1]} kept until the end")


def count_kept(subject: Subject, many: int) -> int:
    """Writes results, and counts those that are still in memory when the last one is written."""
    alive: list[weakref.ref[Any]] = []
    kept: list[int] = []

    class Name(str):
        """A string that can be told when it is gone."""

    def watch() -> Iterator[Result]:
        for number in range(many):
            name = Name(f"{number}.jpg")
            alive.append(weakref.ref(name))
            yield make_result(name)
        del name
        gc.collect()
        kept.append(sum(one() is not None for one in alive))

    with TemporaryDirectory() as folder:
        write(subject, Path(folder), watch())
    return kept[0]


def check_suffixes_are_lower_case(subject: Subject) -> None:
    """The suffixes for which it is chosen are lower case and begin with a dot."""
    for suffix in read_capabilities(subject).suffixes:
        assert suffix.startswith(".") and suffix == suffix.lower(), f"expected a suffix such as .csv, got {suffix!r}"


def check_provenance_is_read_again(subject: Subject) -> None:
    """A report that declares reads_provenance reads what it wrote, and nothing of files of another origin."""
    if not read_capabilities(subject).reads_provenance:
        raise NotApplicable("it does not declare reads_provenance")
    known = {field.name for field in fields(Provenance)}
    with TemporaryDirectory() as name:
        path = write(subject, Path(name), RESULTS)
        found = subject.make().read_provenance(path)
        assert found.get("model") == make_provenance().model, (
            f"expected the model 'example', got {found.get('model')!r}"
        )
        assert set(found) <= known, f"expected the names of Provenance's fields, got {sorted(set(found) - known)}"
    for content in (b"", b"name,age\nx,1\n", b"{}", b"\0\xff" * 50):
        with TemporaryDirectory() as name:
            path = find_path(subject, Path(name))
            path.write_bytes(content)
            with suppress(BioclipXError):
                found = subject.make().read_provenance(path)
                assert not found, f"expected nothing of a file of another origin, got {dict(found)!r:.100}"


def check_evaluations_are_written(subject: Subject) -> None:
    """A report that declares evaluations writes a file of one, and escapes the names in it."""
    if not read_capabilities(subject).evaluations:
        raise NotApplicable("it does not declare evaluations")
    with TemporaryDirectory() as name:
        path = find_path(subject, Path(name))
        subject.make().write_evaluation(path, make_figures(HOSTILE))
        assert path.exists(), f"expected the file {path.name} of an evaluation, got none"
        if not read_capabilities(subject).binary:
            parse(path.suffix, path.read_text("utf-8"))


def check_cards_are_made(subject: Subject) -> None:
    """A report that declares cards makes an element of every kind of result, alike each time, and escapes the names in it."""
    if not read_capabilities(subject).cards:
        raise NotApplicable("it does not declare cards")
    report, provenance = subject.make(), make_provenance()
    for result in (*RESULTS, make_result(HOSTILE, f"Parus {HOSTILE}")):
        card = report.make_card(result, provenance)
        assert card.strip().startswith("<article"), f"expected an element article, got {card.strip()[:80]!r}"
        try:
            _Scripts().feed(card)
        except ValueError as problem:
            raise AssertionError(f"expected names to be escaped in a card, got {problem}") from problem
        assert card == report.make_card(result, provenance), "expected the same card of the same result, got another"
    assert isinstance(report.make_card_style(), str), "expected CSS"
