"""Reports, each with one fault."""

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from itertools import count
from pathlib import Path
from typing import Any

from bioclip_x.plugin import EvaluationFigures, Provenance, ReportCapabilities, Result, open_output

KIND = "reports"
calls = count()


class Writer:
    def __init__(self, stream: Any) -> None:
        self.rows = csv.writer(stream)

    def write(self, result: Result) -> None:
        said = result.predictions[0].taxon.name if result.predictions else result.error or result.refused
        self.rows.writerow([result.source, said])


class Right:
    """names and taxa"""

    capabilities = ReportCapabilities(suffixes=(".csv",), reads_provenance=True, evaluations=True, cards=True)
    writer = Writer

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[Any]:
        with open_output(output) as stream:
            stream.write(f"# {provenance.model},\n")
            yield self.writer(stream)

    def read_provenance(self, path: Path) -> Mapping[str, Any]:
        first = path.read_bytes().partition(b"\n")[0]
        return {"model": first[2:-1].decode()} if first.startswith(b"# ") else {}

    def write_evaluation(self, output: Path, figures: EvaluationFigures) -> None:
        with open_output(output) as stream:
            csv.writer(stream).writerow([figures.source, len(figures.runs)])

    def make_card(self, result: Result, provenance: Provenance) -> str:
        return f"<article>{escape(result.source)}</article>"

    def make_card_style(self) -> str:
        return ""


class NamedOnly(Right):
    """images that could be read"""

    class writer(Writer):  # noqa: N801 - stands for the function
        def write(self, result: Result) -> None:
            if result.predictions:
                super().write(result)


class AfterFirst(Right):
    """a file that is opened with the first result"""

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[Any]:
        class Late:
            text = ""

            def write(self, result: Result) -> None:
                self.text += f"{result.source},{result.error}\n"

        late = Late()
        yield late
        if late.text:
            with open_output(output) as stream:
                stream.write(late.text)


class FilesOnly(Right):
    """a file beside standard output"""

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[Any]:
        with open(output or "/dev/null", "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123
            yield Writer(stream)


class Plain(Right):
    """cells without quotes"""

    class writer(Writer):  # noqa: N801
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def write(self, result: Result) -> None:
            self.stream.write(f'"{result.source}",x\n')


class Utf8Only(Right):
    """names as UTF-8, whatever they are"""

    class writer(Writer):  # noqa: N801
        def write(self, result: Result) -> None:
            result.source.encode()
            super().write(result)


class Numbered(Right):
    """a number of the run"""

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[Any]:
        with super().open(output, provenance) as writer:
            writer.write(Result(f"run {next(calls)}", error="none"))
            yield writer


class AtOnce(Right):
    """all results at the end"""

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[Any]:
        kept: list[Result] = []

        class Keeping:
            def write(self, result: Result) -> None:
                kept.append(result)

        with super().open(output, provenance) as writer:
            yield Keeping()
            for result in kept:
                writer.write(result)


class Loud(Right):
    """a suffix in capitals"""

    capabilities = ReportCapabilities(suffixes=("CSV",))


class AnyOrigin(Right):
    """the provenance of any file"""

    def read_provenance(self, path: Path) -> Mapping[str, Any]:
        return {"model": "example"}


class NoEvaluation(Right):
    """declares evaluations that it does not write"""

    def write_evaluation(self, output: Path, figures: EvaluationFigures) -> None:
        print(figures.source, file=sys.stderr)


class RawCards(Right):
    """does not escape the names in a card"""

    def make_card(self, result: Result, provenance: Provenance) -> str:
        return f"<article>{result.source}</article>"


class Demanding(Right):
    """an option without a default"""

    def __init__(self, *, level: int) -> None:
        self.level = level


RIGHT = (Right,)
FAULTY = {
    "options_have_defaults": Demanding,
    "every_kind_of_result_is_written": NamedOnly,
    "no_results_are_a_report_as_well": AfterFirst,
    "standard_output_is_written": FilesOnly,
    "a_failed_run_leaves_no_file": FilesOnly,
    "names_are_escaped": Plain,
    "names_that_are_no_text_are_written": Utf8Only,
    "equal_results_give_equal_files": Numbered,
    "results_are_written_one_by_one": AtOnce,
    "suffixes_are_lower_case": Loud,
    "provenance_is_read_again": AnyOrigin,
    "evaluations_are_written": NoEvaluation,
    "cards_are_made": RawCards,
}
