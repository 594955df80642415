from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.distributed.partitions import Partition, cut_into_partitions
from bioclip_x.records import Source

SOURCES = tuple(Source(f"{number}.jpg", Path(f"{number}.jpg")) for number in range(7))


@given(st.integers(0, 30), st.integers(1, 9))
def test_partitions_are_runs_of_the_given_size(n_sources: int, size: int) -> None:
    sources = [Source(str(number)) for number in range(n_sources)]
    parts = list(cut_into_partitions(sources, size))
    assert [source for part in parts for source in part.sources] == sources
    assert [part.number for part in parts] == list(range(len(parts)))
    assert all(len(part.sources) == size for part in parts[:-1]) and all(
        1 <= len(part.sources) <= size for part in parts
    )


def test_an_event_is_not_divided() -> None:
    """Its result follows its images, in one file."""
    events = ["", "a", "a", "a", "", "b", "b"]
    last = [False, False, False, True, False, False, True]
    sources = [replace(s, event=e, last_of_event=end) for s, e, end in zip(SOURCES, events, last)]
    assert [len(part.sources) for part in cut_into_partitions(sources, 2)] == [4, 3]


def test_partitions_are_cut_lazily() -> None:
    """A lake's list of images is never in memory."""
    taken: list[int] = []

    def list_sources():  # type: ignore[no-untyped-def]
        for number, source in enumerate(SOURCES):
            taken.append(number)
            yield source

    next(cut_into_partitions(list_sources(), 2))
    assert taken == [0, 1]


def test_the_digest_tells_what_the_sources_are() -> None:
    first = SOURCES[0]
    digests = {
        Partition(0, sources).digest
        for sources in [
            (first,),
            SOURCES[:2],
            (replace(first, name="b"),),
            (replace(first, path=None, url="s3://a/0.jpg"),),
            (replace(first, metadata={"date": "2024-05-01"}),),
            (replace(first, error="no such file"),),
            (replace(first, path=Path("caf\udce9.jpg")),),
        ]
    }
    assert len(digests) == 7
    assert Partition(0, (first,)).digest == Partition(3, (replace(first),)).digest
