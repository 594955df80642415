"""One self-contained page: every picture with its name, its place on the tree, and the descriptors that decided it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field

from bioclip_x.records import Provenance, Result
from bioclip_x.streams import BinaryStream, Stream, folder_beside, opened

from .facts import has_italic_classes, language
from .html_card import card
from .html_page import Page

TITLE = "What is in these pictures"


class HtmlReport:
    """A page to look at, to print and to send on; it loads nothing from anywhere.

    title: its heading. strongest: descriptors shown of the winner and of the runner-up before the rest is folded away.
    """

    suffixes: tuple[str, ...] = (".html", ".htm")
    thumbnails = True

    def __init__(self, *, title: str = TITLE, strongest: Annotated[int, Field(ge=1)] = 6) -> None:
        self.title, self.strongest = title, strongest

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        page = Page(self.title, provenance)
        # The summary stands above the cards but is known only after the last, so they wait in a file of their own.
        # It lies beside the output, where there is room for the same bytes once more.
        folder = folder_beside(output)
        with opened(output) as stream, tempfile.TemporaryFile(dir=folder) as cards:
            writer = _Writer(Stream(BinaryStream(cards, output or folder)), page, provenance, self.strongest)
            yield writer
            stream.write(page.head(writer.counts, writer.found))
            cards.seek(0)
            _copy(cards, stream)
            stream.write(page.foot())


class _Writer:
    """counts: pictures by outcome. found: pictures by the taxon reported; grows with the taxa, not the pictures."""

    def __init__(self, cards: Stream, page: Page, provenance: Provenance, strongest: int) -> None:
        self._cards, self._page = cards, page
        self._how = (language(provenance), strongest, has_italic_classes(provenance))
        self.counts: Counter[str] = Counter()
        self.found: Counter[tuple[str, str, str]] = Counter()

    def write(self, result: Result) -> None:
        one = card(result, *self._how)
        self.counts[one.state] += 1
        if one.best:
            self.found[one.best.rank, one.best.name, one.best.common] += 1
        self._cards.write(self._page.card(one, number=self.counts.total()))


def _copy(cards: IO[bytes], stream: Any) -> None:
    # Cards are UTF-8 already, and a piece may end inside a character; whole lines never do.
    for line in cards:
        stream.write(line.decode("utf-8"))
