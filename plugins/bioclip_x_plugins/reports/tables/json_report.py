"""JSON: one document, or one line per image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.plugin import Provenance, ReportCapabilities, Result, open_output
from bioclip_x_plugins.reports.result_text import find_language
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, make_result_document, to_json


class JsonReport:
    """`{"provenance": {…}, "results": […]}`, a result per line."""

    capabilities = ReportCapabilities(suffixes=(".json",))

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            stream.write(f'{{"provenance": {to_json(make_provenance_document(provenance))},\n"results": [')
            yield _Writer(stream, find_language(provenance), before="\n", between=",\n", after="")
            stream.write("\n]}\n")


class JsonlReport:
    """`{"provenance": {…}}` on the first line, then one object per image."""

    capabilities = ReportCapabilities(suffixes=(".jsonl", ".ndjson"))

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            stream.write(to_json({"provenance": make_provenance_document(provenance)}) + "\n")
            yield _Writer(stream, find_language(provenance), before="", between="", after="\n")


class _Writer:
    def __init__(self, stream: Any, language: str, *, before: str, between: str, after: str) -> None:
        self._stream, self._language = stream, language
        self._before, self._between, self._after = before, between, after

    def write(self, result: Result) -> None:
        self._stream.write(self._before + to_json(make_result_document(result, self._language)) + self._after)
        self._before = self._between
