"""JSON: one document, or one line per image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.plugin import LINE_CHARACTERS, Provenance, ReportCapabilities, Result, open_output
from bioclip_x_plugins.reports.result_text import find_language
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, make_result_document, to_json


class JsonReport:
    """`{"provenance": {…}, "results": […]}`, a result per line."""

    capabilities = ReportCapabilities(suffixes=(".json",), reads_provenance=True)

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            stream.write(f'{{"provenance": {to_json(make_provenance_document(provenance))},\n"results": [')
            yield _Writer(stream, find_language(provenance), before="\n", between=",\n", after="")
            stream.write("\n]}\n")

    def read_provenance(self, path: Path) -> dict[str, Any]:
        return _read_first_line(path, end="}")


class JsonlReport:
    """`{"provenance": {…}}` on the first line, then one object per image."""

    capabilities = ReportCapabilities(suffixes=(".jsonl", ".ndjson"), reads_provenance=True)

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            stream.write(to_json({"provenance": make_provenance_document(provenance)}) + "\n")
            yield _Writer(stream, find_language(provenance), before="", between="", after="\n")

    def read_provenance(self, path: Path) -> dict[str, Any]:
        return _read_first_line(path)


class _Writer:
    def __init__(self, stream: Any, language: str, *, before: str, between: str, after: str) -> None:
        self._stream, self._language = stream, language
        self._before, self._between, self._after = before, between, after

    def write(self, result: Result) -> None:
        self._stream.write(self._before + to_json(make_result_document(result, self._language)) + self._after)
        self._before = self._between


def _read_first_line(path: Path, end: str = "") -> dict[str, Any]:
    """The provenance on the first line of a file; empty for one of another origin. end: what completes that line."""
    with path.open("rb") as stream:
        line = stream.readline(LINE_CHARACTERS)
    try:
        document = json.loads(line.rstrip(b",\n") + end.encode())
    except ValueError:
        return {}
    found = document.get("provenance") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}
