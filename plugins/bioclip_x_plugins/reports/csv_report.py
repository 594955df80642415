"""CSV: pybioclip's columns first and unchanged, so that scripts written for it go on working, then ours.

Names are written as they are. A spreadsheet may take one that starts with "=" for a formula; a table of data is no
place to change names silently.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bioclip_x.records import Explanation, Prediction, Provenance, Result, Taxon
from bioclip_x.taxonomy import LINNAEAN
from bioclip_x.taxonomy.ranks import ORDER

from .documents import provenance_document, to_json
from .facts import finite, is_descriptor, language, sides
from .streams import opened

OURS: Final = (
    "rank", "name", "note", "margin", "top_descriptor", "refused", "error", "demo", "model", "revision", "version",
)  # fmt: skip


class CsvReport:
    """One row per prediction, and one for a picture without any. Beside FILE stands FILE.provenance.json."""

    suffixes: tuple[str, ...] = (".csv",)
    thumbnails = False

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with opened(output) as stream:
            yield _Writer(stream, provenance)
            if output is not None and (output.is_file() or not output.exists()):  # /dev/stdout gets none beside it
                # Before the table is in place: there is never one without its provenance.
                with opened(output.with_name(f"{output.name}.provenance.json")) as sidecar:
                    sidecar.write(to_json(provenance_document(provenance), indent=2) + "\n")


class _Writer:
    def __init__(self, stream: Any, provenance: Provenance) -> None:
        self._stream = stream
        self._language = language(provenance)
        self._theirs = pybioclip_columns(provenance)
        self._about = (provenance.demo, provenance.model, provenance.revision, provenance.version)
        self._put([("file_name", *self._theirs, "score", *OURS)])

    def write(self, result: Result) -> None:
        self._put(self._rows(result))

    def _rows(self, result: Result) -> Iterator[Sequence[Any]]:
        tail = (result.refused, result.error, *self._about)
        if not result.predictions:
            yield (result.source, *("" for _ in self._theirs), "", "", "", "", "", "", *tail)
        for place, one in enumerate(result.predictions):
            why = why_columns(result.explanation) if place == 0 and result.explanation else ("", "")
            ours = (finite(one.probability), one.taxon.rank, one.taxon.name, one.note)
            yield (result.source, *self._values(one), *ours, *why, *tail)

    def _values(self, one: Prediction) -> Iterator[str]:
        for column in self._theirs:
            if column == "classification":
                yield one.taxon.name
            elif column == "common_name":
                yield one.taxon.common_name(self._language)
            else:
                yield epithet(one.taxon) if column == "species_epithet" else one.taxon.at(column)

    def _put(self, rows: Iterable[Sequence[Any]]) -> None:
        # A result's rows in one piece, so that a reader of standard output never sees half of one.
        text = io.StringIO(newline="")
        for row in rows:
            # Python's writer quotes a carriage return only from version 3.13 on; readers end the line there.
            bare = any(isinstance(value, str) and "\r" in value for value in row)
            csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL).writerow(row)
        self._stream.write(text.getvalue())


def pybioclip_columns(provenance: Provenance) -> tuple[str, ...]:
    """The columns that pybioclip writes between file_name and score.

    Species are the rule. A recipe with a rank above stops there (a rank that is not Linnaean gets a column after those
    above it); a taxonomy without Linnaean ranks is a list of labels.
    """
    rank = provenance.recipe.get("rank")
    if not rank and not set(LINNAEAN) & set(provenance.ranks):
        return ("classification",)
    if not rank or ORDER.get(rank, -1) >= ORDER["species"]:
        return (*LINNAEAN[:-1], "species_epithet", "species", "common_name")
    if rank in ORDER:
        return (*(above for above in LINNAEAN if ORDER[above] < ORDER[rank]), rank)
    return (*LINNAEAN[:-1], rank)


def epithet(taxon: Taxon) -> str:
    """The second word of a binomial, with whatever follows it.

    >>> epithet(Taxon("species", "Cyanistes caeruleus", (("species", "Cyanistes caeruleus"),)))
    'caeruleus'
    """
    species = taxon.at("species")
    return species.partition(" ")[2] or species


def why_columns(explanation: Explanation) -> tuple[Any, str]:
    """The margin over the runner-up and the winner's strongest descriptor, each "" where there is none."""
    margin = finite(explanation.margin) if explanation.runner_up else ""
    descriptors = [share for share in sides(explanation)[0] if is_descriptor(share)]
    return margin, max(descriptors, key=lambda share: share.contribution).phrase if descriptors else ""
