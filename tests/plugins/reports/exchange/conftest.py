"""Results of camera traps: boxes, events, a video, files that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bioclip_x.records import EventImage, Region, Result
from bioclip_x.testing.examples import make_result

PLACE = {"latitude": 52.5, "longitude": 13.25}


def dated(name: str, time: str, **changes: Any) -> Result:
    """A named image with its date and place."""
    return replace(make_result(name), metadata={"date": f"2024-05-12T{time}", **PLACE}, **changes)


@pytest.fixture
def results() -> list[Result]:
    fox, person = (
        Region((0.1, 0.2, 0.5, 0.9), "animal", 0.9, individual="F3"),
        Region((0.6, 0.0, 1.0, 1.0), "person", 0.8),
    )
    nameless = {"predictions": (), "ranks": ()}
    images = (EventImage("cam1/a.jpg", 0, 0.9, 1.0), EventImage("cam1/b.jpg", 0, float("nan"), None, "nothing found"))
    return [
        dated("cam1/a.jpg", "07:30:00", region=fox, n_regions=2, event="burst 1"),
        dated(
            "cam1/a.jpg", "07:30:00", region=person, region_number=1, n_regions=2, event="burst 1", refused="a person", **nameless
        ),
        dated("cam1/b.jpg", "07:30:02", event="burst 1", refused="nothing found by boxes", **nameless),
        replace(make_result("burst 1"), event="burst 1", images=images),
        dated("cam2/clip.mp4#t=0.0", "08:00:00"),
        dated("cam2/clip.mp4#t=3.5", "08:00:03.500000", region=fox),
        Result("cam2/broken.jpg", error="it is not an image", metadata={"date": "2024-05-13T00:00:00"}),
        dated("cam2/off list.jpg", "09:00:00", refused="it resembles none of the classes", **nameless),
        dated("cam2/model.jpg", "09:00:01", refused="the model says 'vehicle'", **nameless),
    ]  # fmt: skip


@pytest.fixture
def several() -> list[Result]:
    """An event whose images show two organisms, which has a result for each."""
    images = (EventImage("a.jpg", 0, 0.9, 1.0), EventImage("b.jpg", 0, 0.9, 1.0))
    return [
        replace(make_result("a.jpg"), event="e"),
        replace(make_result("b.jpg", "Parus ater"), event="e"),
        replace(make_result("e"), event="e", images=images, n_regions=2),
        replace(make_result("e #2", "Parus ater"), event="e", images=images, region_number=1, n_regions=2),
    ]
