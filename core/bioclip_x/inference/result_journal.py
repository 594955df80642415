"""Keeps the results of a run as they come, so that a run that is interrupted can be resumed.

A resumed run takes each image's result from the journal if it is there, and classifies the others. Results stand in whole
batches, since the last bits of a result depend on the size of its batch: the reports of a resumed run have the same bytes as
those of an unbroken one.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bioclip_x.io.journal import Journal, start_journal
from bioclip_x.recipe import ONLY_SPEED
from bioclip_x.records import Provenance, Result, Source

Key = tuple[str, "Stamp", tuple[tuple[str, str | float], ...]]
"""Name, stamp of the file, and metadata of a source, which adjustments and reports may depend on."""
Stamp = tuple[int, int] | None
"""Size in bytes and time of the last change (ns) of an image file; None if there is no such file."""


class ResultJournal:
    """The results of one run in a file. Made by `ResultJournal.open`.

    count: number of results that were there when it was opened.
    """

    def __init__(self, journal: Journal, batch_size: int) -> None:
        self._journal = journal
        self._places: dict[Key, deque[int]] = defaultdict(deque)
        whole = journal.count // batch_size * batch_size
        for number, (place, record) in enumerate(journal.items()):
            if number == whole:
                journal.truncate(place, whole)
                break
            self._places[_read_key(record)].append(place)
        self.count = whole

    @classmethod
    def open(cls, path: Path, header: dict[str, Any], batch_size: int, *, resume: bool = True) -> ResultJournal:
        """Opens or creates the journal. header: from `make_header`. Raises BioclipXError as `start_journal`."""
        journal, _ = start_journal(path, header, resume=resume)
        return cls(journal, batch_size)

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
        """Yields a result per source, in order: the journal's, else the classifier's, which is appended to the journal.

        classify: yields a result per source, in order. A file that has changed since is classified again.
        """
        waiting: deque[tuple[Key, int | None]] = deque()

        def find_missing() -> Iterator[Source]:
            for source in sources:
                key = _make_key(source)
                places = self._places.get(key)
                waiting.append((key, places.popleft() if places else None))
                if waiting[-1][1] is None:
                    yield source

        for result in classify(find_missing()):
            yield from self._take_known(waiting)
            self._journal.append(_make_record(waiting.popleft()[0], result))
            yield result
        yield from self._take_known(waiting)

    def _take_known(self, waiting: deque[tuple[Key, int | None]]) -> Iterator[Result]:
        """Yields the results of the images at the front of the queue that are in the journal."""
        while waiting and (place := waiting[0][1]) is not None:
            waiting.popleft()
            yield unpack_result(self._journal.read(place).partition(b"\n")[2])

    def close(self) -> None:
        self._journal.close()

    def delete(self) -> None:
        self._journal.delete()


def make_header(provenance: Provenance, texts: str, *, thumbnails: bool) -> dict[str, Any]:
    """Collects what the results of a run depend on, as JSON. texts: key of the text bank."""
    document = {
        name: value for name, value in _provenance().dump_python(provenance, mode="json").items() if name != "notes"
    }
    recipe = {name: value for name, value in document["recipe"].items() if name not in ONLY_SPEED}
    return {**document, "recipe": recipe, "texts": texts, "thumbnails": thumbnails}


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
    document = zlib.decompress(packed)
    return _results().validate_python(json.loads(document, object_hook=_decode_bytes))


def _make_record(key: Key, result: Result) -> bytes:
    return json.dumps(key).encode() + b"\n" + pack_result(result)


def _read_key(record: bytes) -> Key:
    name, stamp, metadata = json.loads(record.partition(b"\n")[0])
    return name, tuple(stamp) if stamp else None, tuple(map(tuple, metadata))


def _encode_bytes(value: Any) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode("ascii")}


def _decode_bytes(document: dict[str, Any]) -> Any:
    return base64.b64decode(document["base64"]) if document.keys() == {"base64"} else document
