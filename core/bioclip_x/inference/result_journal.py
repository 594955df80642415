"""Keeps the results of a run as they come, so that a run that is interrupted can be resumed.

A resumed run takes each image's result from the journal if it is there, and classifies the others. Results stand in whole
batches, since the last bits of a result depend on the size of its batch: the reports of a resumed run have the same bytes as
those of an unbroken one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.journal import Journal, start_journal
from bioclip_x.limits import RESULT_BYTES
from bioclip_x.recipe import ONLY_SPEED
from bioclip_x.records import Provenance, Result, Source

Key = tuple[str, "Stamp", tuple[tuple[str, str | float], ...]]
"""Name, stamp of the file, and metadata of a source, which adjustments and reports may depend on."""
EventKey = tuple[str, str]
"""Name of an event, and what identifies its images: a decision is known only if it is on the same ones."""
MEMBERS: Final = "members"
Stamp = tuple[int, int] | None
"""Size in bytes and time of the last change (ns) of an image file; None if there is no such file."""


@dataclass(eq=False, slots=True)
class _Expected:
    """An image whose results are due. known: places of the results in the file; complete: whether these are all.

    first: number of the first region that the classifier will give; None if nothing comes from it. event: whose last image it
    is, None for none.
    """

    key: Key
    known: list[int]
    complete: bool
    first: int | None
    event: EventKey | None
    shown: bool = False


class ResultJournal:
    """The results of one run in a file. Made by `ResultJournal.open`.

    count: number of results that were there when it was opened, without those of events.
    """

    def __init__(self, journal: Journal, batch_size: int) -> None:
        self._journal = journal
        self._batch_size = batch_size
        self._known: dict[Key, deque[tuple[list[int], bool]]] = defaultdict(deque)
        self._events: dict[EventKey, list[int]] = {}
        self._read()

    def _read(self) -> None:
        """Reads what is there, up to the end of the last whole batch and the event that ends with it."""
        cut, cut_records, self.count = None, 0, 0
        unfinished: dict[Key, list[int]] = {}
        pending: list[tuple[int, Key, int, int]] = []
        rows: dict[EventKey, list[int]] = {}
        for number, (place, record) in enumerate(self._journal.items()):
            try:
                key, (kind, index, total) = _read_key(record)
            except (ValueError, TypeError, RecursionError):
                raise self._make_error(place) from None
            if kind == "event":
                event = key[0], str(dict(key[2]).get(MEMBERS, ""))
                rows.setdefault(event, []).append(place)
                if index == total - 1:
                    self._events[event] = rows.pop(event)
                    if self.count == cut:
                        cut_records = number + 1
                continue
            self.count += 1
            pending.append((place, key, index, total))
            if self.count % self._batch_size == 0:
                cut, cut_records = self.count, number + 1
        self.count = cut or 0
        self._cut(cut_records)
        for place, key, index, total in pending[: self.count]:
            places = unfinished.setdefault(key, [])
            if index == 0 and not places:
                self._known[key].append((places, total == 1))
            places.append(place)
            if index == total - 1:
                self._known[key][-1] = (places, True)
                del unfinished[key]

    def _make_error(self, place: int) -> BioclipXError:
        return BioclipXError(
            f"{self.path} is damaged: what is at byte {place} is no result of an image; delete the file to start anew"
        )

    def _read_result(self, place: int) -> Result:
        """Reads a result. Raises BioclipXError where there is something else."""
        record = self._journal.read(place)
        try:
            return unpack_result(record.partition(b"\n")[2])
        except (ValueError, TypeError, LookupError, RecursionError, zlib.error):
            raise self._make_error(place) from None

    def _cut(self, records: int) -> None:
        """Drops all but the first records."""
        for number, (place, _) in enumerate(self._journal.items()):
            if number == records:
                self._journal.truncate(place, records)
                self._events = {name: many for name, many in self._events.items() if many[-1] < place}
                return

    @classmethod
    def open(cls, path: Path, header: dict[str, Any], batch_size: int, *, resume: bool = True) -> ResultJournal:
        """Opens or creates the journal. header: from `make_header`. Raises BioclipXError as `start_journal`."""
        journal, _ = start_journal(path, header, resume=resume)
        try:
            return cls(journal, batch_size)
        except BaseException:
            journal.close()
            raise

    @property
    def written(self) -> int:
        """Number of results in the file."""
        return self._journal.count

    @property
    def path(self) -> Path:
        return self._journal.path

    def classify(
        self, sources: Iterable[Source], classify: Callable[[Iterable[Source]], Iterable[Result]]
    ) -> Iterator[Result]:
        """Yields the results of each source, in order: the journal's, else the classifier's, which are appended to the journal.

        classify: yields one or more results per source, in order, and those of events. A file that has changed since is
        classified again. So are, from the beginning of a batch on, the images before the interruption whose event was not
        complete: its decision needs them all. Their results are the journal's.
        """
        waiting: deque[_Expected] = deque()
        members = _identify_events(sources) if isinstance(sources, list) else {}
        again = self._find_open_event(sources, members) if isinstance(sources, list) and self.count else None

        def find_missing() -> Iterator[Source]:
            done = 0
            for source in sources:
                expected = self._expect(source, members)
                first = None if expected.complete else len(expected.known)
                if again is not None and done + len(expected.known) > again:
                    first = max(0, again - done)
                done += len(expected.known)
                expected.first = first
                waiting.append(expected)
                if first is not None:
                    yield replace(source, first_region=first) if first else source

        for result in classify(find_missing()):
            if result.images:
                event = result.event, members.get(result.event, "")
                if event not in self._events:
                    self._append((result.event, None, ((MEMBERS, event[1]),)), result)
                    yield result
                continue
            while waiting and waiting[0].first is None:
                yield from self._show(waiting.popleft())
            expected = waiting[0]
            if not expected.shown:
                yield from self._show_known(expected)
            if result.region_number >= len(expected.known):
                self._append(expected.key, result)
                yield result
            if result.is_last_of_image:
                yield from self._show(waiting.popleft())
        while waiting:
            yield from self._show(waiting.popleft())

    def _expect(self, source: Source, members: Mapping[str, str]) -> _Expected:
        key = _make_key(source)
        known = self._known.get(key)
        places, complete = known.popleft() if known else ([], False)
        event = (source.event, members.get(source.event, "")) if source.last_of_event else None
        return _Expected(key, places, complete, None, event)

    def _find_open_event(self, sources: Sequence[Source], members: Mapping[str, str]) -> int | None:
        """Returns the number of the first result of the batch in which the first event begins that has to be decided anew.

        That is an event of which the journal has some images, but not the decision on these images and no others. None if
        there is none. sources: with the images of one event after one another. members: of events, see `_identify_events`.
        """
        counts = {key: deque(many) for key, many in self._known.items()}
        begun, done = 0, 0
        for number, source in enumerate(sources):
            if number and source.event != sources[number - 1].event:
                begun = done
            known = counts.get(_make_key(source))
            done += len(known.popleft()[0]) if known else 0
            is_decided = not source.event or (source.event, members[source.event]) in self._events
            if not is_decided and begun < done:
                return begun // self._batch_size * self._batch_size
        return None

    def _show(self, expected: _Expected) -> Iterator[Result]:
        """Yields what the journal has of an image that is complete: its results, if not yet shown, and its event's."""
        yield from self._show_known(expected)
        for place in self._events.get(expected.event, ()) if expected.event else ():
            yield self._read_result(place)

    def _show_known(self, expected: _Expected) -> Iterator[Result]:
        if not expected.shown:
            expected.shown = True
            yield from map(self._read_result, expected.known)

    def _append(self, key: Key, result: Result) -> None:
        self._journal.append(_make_record(key, result))

    def close(self) -> None:
        self._journal.close()

    def delete(self) -> None:
        self._journal.delete()


def _identify_events(sources: Sequence[Source]) -> dict[str, str]:
    """Returns event → a digest of the names, stamps and metadata of its images."""
    digests: dict[str, Any] = {}
    for source in sources:
        if source.event:
            digest = digests.setdefault(source.event, hashlib.sha256())
            digest.update(json.dumps(_make_key(source)).encode() + b"\n")
    return {event: digest.hexdigest() for event, digest in digests.items()}


def make_header(provenance: Provenance, texts: str, *, thumbnails: bool) -> dict[str, Any]:
    """Collects what the results of a run depend on, as JSON. texts: key of the text bank."""
    document = {
        name: value for name, value in _provenance().dump_python(provenance, mode="json").items() if name != "notes"
    }
    recipe = {name: value for name, value in document["recipe"].items() if name not in ONLY_SPEED}
    header = {**document, "recipe": recipe, "texts": texts, "thumbnails": thumbnails}
    boxes = provenance.recipe.get("boxes")
    return {**header, "boxes_sha256": _hash_file(Path(boxes))} if boxes else header


def _hash_file(path: Path) -> str:
    """Returns the SHA-256 of a file; "" for a folder."""
    digest = hashlib.sha256()
    if path.is_file():
        with path.open("rb") as stream:
            while part := stream.read(1 << 20):
                digest.update(part)
    return digest.hexdigest() if path.is_file() else ""


@cache
def _results() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


@cache
def _provenance() -> TypeAdapter[Provenance]:
    return TypeAdapter(Provenance)


def _make_key(source: Source) -> Key:
    return source.name, _read_stamp(source.path), tuple(sorted(source.metadata.items()))


def _read_stamp(path: Path | None) -> Stamp:
    try:
        status = path.stat() if path else None
    except (OSError, ValueError):  # ValueError: a NUL character in a name
        return None
    return (status.st_size, status.st_mtime_ns) if status else None


def pack_result(result: Result) -> bytes:
    """Packs a result with everything in it; `unpack_result` returns an equal one."""
    # Not pydantic's own JSON, which refuses file names that are not UTF-8.
    document = json.dumps(_results().dump_python(result), default=_encode_bytes)
    return zlib.compress(document.encode(), 1)


def unpack_result(packed: bytes) -> Result:
    """Returns the result that `pack_result` packed. Raises ValueError, zlib.error and others for something else."""
    unpacking = zlib.decompressobj()
    document = unpacking.decompress(packed, RESULT_BYTES)
    if not unpacking.eof:
        raise ValueError("cut, or too large")
    return _results().validate_python(json.loads(document, object_hook=_decode_bytes))


def _make_record(key: Key, result: Result) -> bytes:
    part = ("event" if result.images else "image", result.region_number, result.n_regions)
    return json.dumps((*key, part)).encode() + b"\n" + pack_result(result)


def _read_key(record: bytes) -> tuple[Key, tuple[str, int, int]]:
    """Returns the key of a result, and what it is of: event or image, the number of its region, and how many these are.

    Raises ValueError, TypeError or RecursionError for something else.
    """
    name, stamp, metadata, (kind, index, total) = json.loads(record.partition(b"\n")[0])
    is_number = isinstance(index, int) and isinstance(total, int)
    if not isinstance(name, str) or kind not in ("event", "image") or not is_number or not 0 <= index < max(total, 1):
        raise ValueError("no result")
    key = name, tuple(stamp) if stamp else None, tuple(map(tuple, metadata))
    hash(key)
    return key, (kind, index, total)


def _encode_bytes(value: Any) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode("ascii")}


def _decode_bytes(document: dict[str, Any]) -> Any:
    return base64.b64decode(document["base64"]) if document.keys() == {"base64"} else document
