"""CSV: the rows of `rows`, and the provenance in a file beside.

The default is what scripts read. Spreadsheets of some countries want `separator=;,decimal=,,bom=true`, and a table from
elsewhere is opened safely with `safe=true`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from bioclip_x.plugin import (
    BOM,
    Provenance,
    RecipeError,
    ReportCapabilities,
    Result,
    defuse_formulas,
    is_written_in_place,
    open_output,
    read_yaml,
)
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, to_json
from bioclip_x_plugins.reports.tables.rows import Rows

SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
DECIMALS: Final = {"point": ".", "comma": ","}


class CsvReport:
    """One row per prediction, and one for an image without any. Beside FILE stands FILE.provenance.json.

    separator: between cells, one character or its name (comma, semicolon, tab, pipe). decimal: of numbers. bom: a mark at the
    beginning by which Excel knows UTF-8. safe: a text that a spreadsheet would take for a formula gets an apostrophe before
    it; numbers are left alone.
    """

    capabilities = ReportCapabilities(suffixes=(".csv",), reads_provenance=True)

    def __init__(
        self,
        *,
        separator: str = ",",
        decimal: Literal[".", ",", "point", "comma"] = ".",
        bom: bool = False,
        safe: bool = False,
    ) -> None:
        self.separator, self.decimal = SEPARATORS.get(separator, separator), DECIMALS.get(decimal, decimal)
        self.bom, self.safe = bom, safe
        if len(self.separator) != 1 or self.separator in '"\r\n' or self.separator.isalnum():
            known = ", ".join(name for name in SEPARATORS if name.isalpha())
            raise RecipeError(f"csv: separator must be one character such as ; or one of {known}, got {separator!r}")
        if self.separator == self.decimal:
            raise RecipeError(f"csv: separator and decimal are both {self.decimal!r}; with decimal=, use separator=;")

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            if self.bom:
                stream.write(BOM)
            yield _Writer(stream, Rows(provenance), self)
            if output is not None and not is_written_in_place(output):  # /dev/stdout gets none beside it
                # Before the table is in place: there is never one without its provenance.
                with open_output(_name_sidecar(output)) as sidecar:
                    sidecar.write(to_json(make_provenance_document(provenance), indent=2) + "\n")

    def read_provenance(self, path: Path) -> dict[str, Any]:
        sidecar = _name_sidecar(path)
        return dict(read_yaml(sidecar)) if sidecar.exists() else {}


class _Writer:
    def __init__(self, stream: Any, rows: Rows, report: CsvReport) -> None:
        self._stream, self._rows, self._report = stream, rows, report
        self._put([rows.columns])

    def write(self, result: Result) -> None:
        self._put(self._rows.of(result))

    def _put(self, rows: Iterable[Sequence[Any]]) -> None:
        # A result's rows in one piece, so that a reader of standard output never sees half of one.
        text = io.StringIO(newline="")
        for row in rows:
            # Python's writer quotes a carriage return only from version 3.13 on; readers end the line there.
            bare = any(isinstance(value, str) and "\r" in value for value in row)
            writer = csv.writer(
                text,
                delimiter=self._report.separator,
                lineterminator="\n",
                quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL,
            )
            writer.writerow(map(self._format_cell, row))
        self._stream.write(text.getvalue())

    def _format_cell(self, value: Any) -> Any:
        if isinstance(value, float):
            return repr(value).replace(".", self._report.decimal)
        return defuse_formulas(value) if self._report.safe and isinstance(value, str) else value


def _name_sidecar(output: Path) -> Path:
    return output.with_name(f"{output.name}.provenance.json")
