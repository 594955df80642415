"""CSV: the rows of `rows`, and the provenance in a file beside."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.plugin import Provenance, ReportCapabilities, Result, is_written_in_place, open_output, read_yaml
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, to_json
from bioclip_x_plugins.reports.tables.rows import Rows


class CsvReport:
    """One row per prediction, and one for an image without any. Beside FILE stands FILE.provenance.json."""

    capabilities = ReportCapabilities(suffixes=(".csv",), reads_provenance=True)

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            yield _Writer(stream, Rows(provenance))
            if output is not None and not is_written_in_place(output):  # /dev/stdout gets none beside it
                # Before the table is in place: there is never one without its provenance.
                with open_output(_name_sidecar(output)) as sidecar:
                    sidecar.write(to_json(make_provenance_document(provenance), indent=2) + "\n")

    def read_provenance(self, path: Path) -> dict[str, Any]:
        sidecar = _name_sidecar(path)
        return dict(read_yaml(sidecar)) if sidecar.exists() else {}


class _Writer:
    def __init__(self, stream: Any, rows: Rows) -> None:
        self._stream, self._rows = stream, rows
        self._put([rows.columns])

    def write(self, result: Result) -> None:
        self._put(self._rows.of(result))

    def _put(self, rows: Iterable[Sequence[Any]]) -> None:
        # A result's rows in one piece, so that a reader of standard output never sees half of one.
        text = io.StringIO(newline="")
        for row in rows:
            # Python's writer quotes a carriage return only from version 3.13 on; readers end the line there.
            bare = any(isinstance(value, str) and "\r" in value for value in row)
            csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL).writerow(row)
        self._stream.write(text.getvalue())


def _name_sidecar(output: Path) -> Path:
    return output.with_name(f"{output.name}.provenance.json")
