"""Captions of images by a captioner. Each is kept in a journal as it arrives: captions cost money, and a run may be killed.

A record of the journal is a JSON object: `id` of the image, and its `caption`, or the `problem` for which it has none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.calls import Calls, Failures
from bioclip_x.dataset.output.caption_text import UnusableCaption, clean_caption
from bioclip_x.errors import DatasetError, LanguageModelError, NoAnswerError
from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.components import Captioner
from bioclip_x.hooks.returned import check_type
from bioclip_x.io.storage.journal import Journal, read_header
from bioclip_x.messages import escape_controls, pluralise
from bioclip_x.records import Taxon

CaptionedImage = tuple[str, bytes, Taxon]
"""Identifier, a JPEG file, and what it shows."""
Progress = Callable[[int], None]

FAILURES_IN_A_ROW: Final = 20
"""After this many images in a row without a caption, the server is taken to be down. Some images in a row may be at fault."""
LONGEST_PROBLEM: Final = 300
"""Characters."""
DIGEST: Final = 16
"""Bytes of the digest of an identifier: ten million take 160 MB, and no two are expected to be the same."""


@dataclass
class CaptionCounts:
    """What a run did. captioned, failed: images in this run. earlier: images skipped, which earlier runs have dealt with.

    problems: reason → number of images, of the hundred first reasons.
    """

    captioned: int = 0
    failed: int = 0
    earlier: int = 0
    problems: dict[str, int] = field(default_factory=dict)

    def count_problem(self, problem: str) -> None:
        self.failed += 1
        if problem in self.problems or len(self.problems) < 100:
            self.problems[problem] = self.problems.get(problem, 0) + 1


class ImageIds:
    """A set of identifiers by their digests, sorted: 16 bytes each."""

    def __init__(self, ids: Iterator[str] | tuple[str, ...] = ()) -> None:
        joined = bytearray()
        for one in ids:
            joined += _digest(one)
        # "S16" is compared like bytes; blanks at the end, which numpy takes off, differ in no two digests of one length.
        self._sorted = np.unique(np.frombuffer(joined, f"S{DIGEST}"))

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, image_id: str) -> bool:
        wanted = np.frombuffer(_digest(image_id), f"S{DIGEST}")[0]
        place = int(np.searchsorted(self._sorted, wanted))
        return place < len(self._sorted) and bool(self._sorted[place] == wanted)


def _digest(image_id: str) -> bytes:
    return hashlib.blake2b(image_id.encode(errors="surrogatepass"), digest_size=DIGEST).digest()


def caption_images(
    captioner: Captioner,
    images: Iterator[CaptionedImage],
    journal: Path,
    header: Mapping[str, Any],
    concurrency: int = 8,
    *,
    retry_failed: bool = True,
    progress: Progress = lambda done: None,
) -> CaptionCounts:
    """Has the images captioned that the journal has no caption of, `concurrency` at a time, and closes the captioner.

    images: taken one at a time as they are needed, in other threads, so that memory holds about `concurrency` of them. To spare
        the reading of images that have captions, leave out those in `read_captioned(journal)`.
    journal: the file of the captions. header: what the images depend on, as JSON; the captioner's provenance is added. A
        journal of other images or another captioner is an error that says what differs.
    retry_failed: whether images that got no caption in an earlier run are asked for again.
    progress: called with the number of images done in this run.

    An image without a usable caption is recorded with the reason; `FAILURES_IN_A_ROW` answers in a row that fail end the run.
    Raises LanguageModelError, in one line that says how to go on, where the captioner ends the run; BioclipXError for a journal
    that cannot be used or written; ComponentError for a fault of the captioner.
    """
    whole = {**header, "captioner": read_provenance(captioner)}
    log, _ = _open(journal, whole)
    with log:
        run = _Run(captioner, log, retry_failed, progress)
        try:
            run.ask(images, concurrency)
        except LanguageModelError as problem:
            raise LanguageModelError(
                f"{problem}; {journal.name} keeps {pluralise(log.count, 'answer')}; run the same command to continue"
            ) from problem
    return run.counts


def read_provenance(captioner: Captioner) -> dict[str, Any]:
    """Returns what determines a captioner's captions.

    Raises PluginError where it is no mapping with `model` and `host`, as JSON.
    """
    with naming(captioner, "provenance"):
        told = captioner.provenance
    if not isinstance(told, Mapping) or not told.keys() >= {"model", "host"}:
        refuse(captioner, "provenance", "a mapping with 'model' and 'host'", told)
    try:
        copied: dict[str, Any] = json.loads(json.dumps(dict(told)))
    except (TypeError, ValueError):
        refuse(captioner, "provenance", "values that JSON can hold", told)
    return copied


def read_captions(journal: Path) -> Iterator[tuple[str, str]]:
    """Yields the identifier and the caption of every captioned image, in the order of their arrival."""
    for record in _read(journal):
        if "caption" in record:
            yield record["id"], record["caption"]


def read_captioned(journal: Path) -> ImageIds:
    """Returns the identifiers of the images that have a caption; none where there is no journal."""
    return ImageIds(image_id for image_id, _ in read_captions(journal)) if journal.exists() else ImageIds()


def _read(journal: Path) -> Iterator[dict[str, str]]:
    header = read_header(journal)
    if header is None:
        raise DatasetError(f"{journal.name} is no journal of captions; caption the images first")
    log, records = _open(journal, header)
    with log:
        for record in records:
            yield _parse(record, journal)


def _open(path: Path, header: Mapping[str, Any]) -> tuple[Journal, Iterator[bytes]]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DatasetError(f"{path.parent} cannot be made: {problem.strerror or problem}") from problem
    return Journal.open(path, header)


def _parse(record: bytes, journal: Path) -> dict[str, str]:
    try:
        parsed = json.loads(record)
        if not (isinstance(parsed["id"], str) and isinstance(parsed.get("caption", parsed.get("problem")), str)):
            raise TypeError
    except (ValueError, TypeError, LookupError, AttributeError):
        raise DatasetError(f"{journal.name} holds records that are no captions; delete it to start anew") from None
    return dict(parsed)


class _Run:
    """The state of one run."""

    def __init__(self, captioner: Captioner, log: Journal, retry_failed: bool, progress: Progress) -> None:
        self.captioner, self._log, self._progress = captioner, log, progress
        records = (_parse(record, log.path) for record in log.records())
        self._known = ImageIds(record["id"] for record in records if "caption" in record or not retry_failed)
        self.counts = CaptionCounts()

    def ask(self, images: Iterator[CaptionedImage], concurrency: int) -> None:
        def caption(image: CaptionedImage) -> Awaitable[str] | str:
            return self.captioner.caption(image[1], image[2])

        Calls(
            self.captioner,
            "caption",
            self._leave_out_known(images),
            caption,
            self._take,
            at=lambda image: image[0],
            fail=self._fail,
            concurrency=max(concurrency, 1),
            failures=Failures(FAILURES_IN_A_ROW),
        ).run()

    def _leave_out_known(self, images: Iterator[CaptionedImage]) -> Iterator[CaptionedImage]:
        for image in images:
            if image[0] in self._known:
                self.counts.earlier += 1
            else:
                yield image

    def _take(self, image: CaptionedImage, returned: str) -> bool:
        given = check_type(self.captioner, "caption", returned, str, image[0])
        try:
            self._store(image[0], caption=clean_caption(given))
            self.counts.captioned += 1
        except UnusableCaption as problem:
            self._record(image[0], str(problem))
        self._progress(self.counts.captioned + self.counts.failed)
        return False

    def _fail(self, image: CaptionedImage, failure: NoAnswerError) -> None:
        self._record(image[0], str(failure))
        self._progress(self.counts.captioned + self.counts.failed)

    def _record(self, image_id: str, problem: str) -> None:
        short = escape_controls(" ".join(problem.split()))[:LONGEST_PROBLEM]
        self._store(image_id, problem=short)
        self.counts.count_problem(short)

    def _store(self, image_id: str, **said: str) -> None:
        self._log.append(json.dumps({"id": image_id, **said}).encode())
