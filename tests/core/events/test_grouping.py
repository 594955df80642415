"""Which images are of one event."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import RecipeError
from bioclip_x.events.grouping import Grouping, group_sources, parse_grouping, read_time
from bioclip_x.records import Source

START = datetime(2024, 5, 12, 7, 30)


def at(seconds: float, folder: str = "a", **metadata: Any) -> Source:
    date = (START + timedelta(seconds=seconds)).isoformat()
    return Source(f"{folder}/{seconds}", Path(f"{folder}/{seconds}"), metadata={"date": date, **metadata})


def group(sources: list[Source], text: str) -> list[list[str]]:
    """The names of each event's images; images without an event are alone."""
    found = group_sources(sources, parse_grouping(text), lambda source: {})
    events: list[list[str]] = []
    for number, one in enumerate(found):
        if number and one.event and one.event == found[number - 1].event:
            events[-1].append(one.name)
        else:
            events.append([one.name])
        following = found[number + 1].event if number + 1 < len(found) else None
        assert one.last_of_event == (bool(one.event) and following != one.event)
    return events


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("folder", Grouping("folder")),
        ("column:sequence_id", Grouping("column", "sequence_id")),
        ("60s", Grouping("gap", seconds=60)),
        ("1.5 min", Grouping("gap", seconds=90)),
        ("2h", Grouping("gap", seconds=7200)),
    ],
)
def test_groupings_are_parsed(text: str, expected: Grouping) -> None:
    assert parse_grouping(text) == expected


@pytest.mark.parametrize("text", ["", "60", "0s", "column:", "-1s", "9999999d", "²s", "folders", "1e9s"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="expected folder, column:NAME or a time"):
        parse_grouping(text)


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("xy")), max_size=30, unique=True), st.integers(1, 40))
def test_gaps_are_those_of_a_loop_over_each_camera(images: list[tuple[int, str]], gap: int) -> None:
    sources = [at(seconds, camera_model=camera) for seconds, camera in images]
    found = group_sources(sources, Grouping("gap", seconds=gap), lambda source: {})
    assert sorted(one.name for one in found) == sorted(one.name for one in sources)
    expected = set()
    for camera in "xy":
        taken = sorted(seconds for seconds, one in images if one == camera)
        event: list[int] = []
        for seconds in taken:
            if event and seconds - event[-1] > gap:
                expected.add((camera, tuple(event)))
                event = []
            event.append(seconds)
        if event:
            expected.add((camera, tuple(event)))
    events: dict[str, list[Source]] = {}
    for one in found:
        events.setdefault(one.event, []).append(one)
    got = {
        (str(many[0].metadata["camera_model"]), tuple(sorted(int(one.name[2:]) for one in many)))
        for many in events.values()
    }
    assert got == expected


def test_events_stand_in_the_order_of_their_first_image() -> None:
    sources = [at(0, "a"), at(0, "b"), at(5, "a"), at(500, "a"), at(5, "b")]
    assert group(sources, "10s") == [["a/0", "a/5"], ["b/0", "b/5"], ["a/500"]]
    assert group(sources, "folder") == [["a/0", "a/5", "a/500"], ["b/0", "b/5"]]


def test_images_without_what_they_are_grouped_by_are_alone() -> None:
    sources = [
        at(0),
        Source("x", Path("a/x")),
        at(1),
        Source("y", error="empty"),
        Source("z", Path("a/z"), metadata={"date": "soon"}),
    ]
    assert group(sources, "10s") == [["a/0", "a/1"], ["x"], ["y"], ["z"]]
    assert group([at(0, n=1.0), at(1, n=""), at(2, n=1.0)], "column:N") == [["a/0", "a/2"], ["a/1"]]
    assert group_sources([at(0, n=1.0)], parse_grouping("column:n"), lambda source: {})[0].event == "n 1"


def test_frames_of_a_video_are_one_event() -> None:
    frames = [Source(f"v.mp4#t={i}", Path("a/v.mp4"), seconds=float(i)) for i in range(3)]
    assert group([*frames, at(0)], "10s") == [[one.name for one in frames], ["a/0"]]


def test_dates_are_read_from_files_where_the_metadata_lacks_them() -> None:
    sources = [Source("a", Path("f/a")), Source("b", Path("f/b"))]
    found = group_sources(sources, parse_grouping("10s"), lambda source: {"date": "2024-05-12T07:30:00"})
    assert found[0].event == found[1].event == "f 2024-05-12T07:30:00"


def test_times_of_other_forms_are_none() -> None:
    assert read_time("2024-05-12T07:30:00Z") == read_time("2024-05-12T07:30:00+02:00") == datetime(2024, 5, 12, 7, 30)
    assert read_time("yesterday") is None and read_time(3.0) is None


def test_a_column_that_no_image_has_is_refused() -> None:
    with pytest.raises(RecipeError, match="column:sequnce: no image has it; known: date, sequence"):
        group([at(0, sequence="a"), at(1)], "column:sequnce")


def test_cameras_are_told_apart_by_the_file_where_a_table_has_the_date() -> None:
    sources = [at(0), at(1)]
    serials = {"a/0": "1", "a/1": "2"}
    found = group_sources(
        sources, parse_grouping("10s"), lambda one: {"camera_serial": serials[one.name], "date": "2020-01-01T00:00:00"}
    )
    assert found[0].event != found[1].event and "2024-05-12" in found[0].event
