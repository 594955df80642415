"""One self-contained page: every image with its name, its place on the tree, and the descriptors that decided it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field

from bioclip_x.plugin import (
    BinaryStream,
    EvaluationFigures,
    Provenance,
    ReportCapabilities,
    Result,
    Stream,
    make_temporary_folder,
    open_output,
    read_lines,
)
from bioclip_x_plugins.reports.html.card import Card, make_card, make_image_card
from bioclip_x_plugins.reports.html.evaluation.page import render_evaluation
from bioclip_x_plugins.reports.html.page import CARD_STYLES, Page, Tally, find_provenance
from bioclip_x_plugins.reports.html.templating import read_template
from bioclip_x_plugins.reports.result_text import add_metadata_note, find_language, has_italic_classes

TITLE = "What is in these images"
EVALUATION_TITLE = "How often the names are right"


class HtmlReport:
    """A page to look at, to print and to send on; it loads nothing from anywhere.

    title: its heading. strongest: descriptors shown of the winner and of the runner-up before the rest is folded away.
    metadata: show what is known of the images, such as date and place.
    """

    capabilities = ReportCapabilities(
        suffixes=(".html", ".htm"), thumbnails=True, reads_provenance=True, evaluations=True, cards=True
    )

    def __init__(
        self, *, title: str = TITLE, strongest: Annotated[int, Field(ge=1)] = 6, metadata: bool = False
    ) -> None:
        self.title, self.strongest, self.metadata = title, strongest, metadata

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        page, folder = Page(self.title, provenance), make_temporary_folder(output)
        # The summary and the index stand above the cards but are known only after the last, so rows and cards wait in files
        # of their own. They lie beside the output, where there is room for the same bytes once more.
        with (
            open_output(output, keep_partial=True) as stream,
            tempfile.TemporaryFile(dir=folder) as rows,
            tempfile.TemporaryFile(dir=folder) as cards,
        ):
            rows_stream, cards_stream = (Stream(BinaryStream(file, output or folder)) for file in (rows, cards))
            writer = _Writer(rows_stream, cards_stream, page, provenance, self.strongest, self.metadata)
            yield writer
            writer.finish()
            stream.write(page.head(writer.tally))
            if writer.tally.has_index:
                _copy(rows, stream)
            stream.write(page.middle(writer.tally))
            _copy(cards, stream)
            stream.write(page.foot(writer.tally))

    def write_evaluation(self, output: Path, figures: EvaluationFigures) -> None:
        title = self.title if self.title != TITLE else EVALUATION_TITLE
        with open_output(output) as stream:
            stream.write(render_evaluation(figures, title))

    def make_card(self, result: Result, provenance: Provenance) -> str:
        result = add_metadata_note(result) if self.metadata else result
        return Page(self.title, provenance).card_alone(make_card(result, *_how(provenance, self.strongest)))

    def make_card_style(self) -> str:
        return "".join(read_template(name) for name in CARD_STYLES)

    def read_provenance(self, path: Path) -> dict[str, Any]:
        return find_provenance(read_lines(path))


class _Writer:
    def __init__(
        self, rows: Stream, cards: Stream, page: Page, provenance: Provenance, strongest: int, metadata: bool
    ) -> None:
        self._metadata = metadata
        self._rows, self._cards, self._page = rows, cards, page
        self._how = _how(provenance, strongest)
        self._image: list[Result] = []
        self._held: list[Card] = []
        self.tally = Tally()

    def write(self, result: Result) -> None:
        """Boxes of an image share a card; images of an event wait for its results, which are shown before them."""
        result = add_metadata_note(result) if self._metadata else result
        if result.level == "event":
            self._finish_image()
            self._put(make_card(result, *self._how))
            if result.region_number == result.n_regions - 1:
                self._release()
            return
        if self._image and (self._image[0].source != result.source or not result.region_number):
            self._finish_image()
        self._image.append(result)
        if result.is_last_of_image:
            self._finish_image()

    def finish(self) -> None:
        """Writes what is held."""
        self._finish_image()
        self._release()

    def _finish_image(self) -> None:
        if not self._image:
            return
        card = make_image_card(self._image, *self._how)
        self._image = []
        if self._held and card.event != self._held[0].event:
            self._release()
        if card.event:
            self._held.append(card)
        else:
            self._put(card)

    def _release(self) -> None:
        for card in self._held:
            self._put(card)
        self._held = []

    def _put(self, card: Card) -> None:
        number = self.tally.add(card)
        self._rows.write(self._page.row(card, number))
        self._cards.write(self._page.card(card, number))


def _how(provenance: Provenance, strongest: int) -> tuple[str, int, bool]:
    """What `make_card` takes beside the result."""
    return find_language(provenance), strongest, has_italic_classes(provenance)


def _copy(file: IO[bytes], stream: Any) -> None:
    # It is UTF-8 already, and a piece may end inside a character; whole lines never do.
    file.seek(0)
    for line in file:
        stream.write(line.decode("utf-8"))
