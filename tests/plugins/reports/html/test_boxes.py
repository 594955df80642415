"""Boxes on images, and events, on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bioclip_x.records import EventImage, Provenance, Region, Result
from bioclip_x_plugins.reports.html.boxes import make_box, make_shares
from plugins.reports.html.test_report import Seen, written


def test_an_image_with_boxes_is_one_card(
    provenance: Provenance, two_boxes: list[Result], goldfinch: Result, tmp_path: Path
) -> None:
    page = written(tmp_path / "o.html", provenance, goldfinch, *two_boxes)
    seen = Seen(page)
    cards = [(one["class"], one["data-file"]) for one in seen.of("article")]
    assert cards == [
        ("card named", "photos/goldfinch.jpg"), ("card named event", "burst 1"),
        ("card named of-event with-parts", "cam1/a.jpg"), ("card refused of-event", "cam1/b.jpg"),
    ]  # fmt: skip
    assert [one["data-file"] for one in seen.of("tr")[1:]] == [file for _, file in cards]
    rects = [one for one in seen.of("rect") if one["class"] != "halo"]
    assert [(one["class"], one["x"], one["y"], one["width"], one["height"]) for one in rects] == [
        ("c0", "10.0", "20.0", "40.0", "70.0"), ("c1 nameless", "60.0", "10.0", "35.0", "90.0"),
    ]  # fmt: skip
    text = " ".join(" ".join(seen.text).split())
    for said in ("3 images", "1 event", "2 named", "1 Cyanistes caeruleus", "2 person", "animal 93.0%, individual M7", "a person",
                 "Event burst 1", "What each image said", "cam1/a.jpg box 2 a person", "+1.40"):  # fmt: skip
        assert said in text
    assert text.count("Why Cyanistes caeruleus") == 2  # of the box, and of the event


def test_events_without_a_result_are_flushed(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    images = [replace(blue_tit, source=f"{n}.jpg", event=f"e{n // 2}") for n in range(4)]
    seen = Seen(written(tmp_path / "o.html", provenance, *images))
    assert [one["data-file"] for one in seen.of("article")] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def test_only_an_event(provenance: Provenance, two_boxes: list[Result], tmp_path: Path) -> None:
    seen = Seen(written(tmp_path / "o.html", provenance, *two_boxes[2:]))
    assert len(seen.of("article")) == len(seen.of("tr")) - 1 == 2


def test_hostile_names_of_boxes_and_events(
    provenance: Provenance, two_boxes: list[Result], hostile: list[Result], tmp_path: Path
) -> None:
    for result in hostile:
        text = result.source
        region = Region((float("nan"), -1.0, 2.0, 0.5), text, 0.5, individual=text)
        images = (EventImage(text, 0, 0.5, None), EventImage(text, 1, 0.5, float("inf"), text))
        results = (
            replace(result, region=region, event=text),
            replace(two_boxes[-1], source=text, event=text, images=images),
        )
        seen = Seen(written(tmp_path / "o.html", provenance, *results))
        assert len(seen.of("script")) == 2 and not [tag for tag, _ in seen.tags if tag == "img" and "onerror" in _]


def test_boxes_are_within_the_image(two_boxes: list[Result]) -> None:
    box = make_box(replace(two_boxes[0], region=Region((-0.5, 0.5, 1.5, 0.25))))
    assert box and (box.left, box.top, box.width, box.height) == (0.0, 50.0, 100.0, 0.0)
    assert box.tag_left == 0.0 and box.tag_right is None
    edge = make_box(two_boxes[1])
    assert edge and edge.tag_left is None and edge.tag_right == 5.0


def test_shares_are_on_one_scale() -> None:
    first, second, left = make_shares(
        [
            EventImage("a", 0, 0.9, 3.0),
            EventImage("a", 1, 0.1, -1.0),
            EventImage("b", 0, float("nan"), None, "no animal"),
        ]
    )
    assert (first.zero, first.left, first.width, first.is_for) == (25.0, 25.0, 75.0, True)
    assert (second.left, second.width, second.is_for, second.contribution) == (0.0, 25.0, False, "−1.00")
    assert (first.box, second.box, left.box, left.left_out, left.probability) == (1, 2, 0, "no animal", "")
    means = make_shares([EventImage("a", 0, 0.5, None), EventImage("b", 0, 0.25, None)])
    assert [one.width for one in means] == [100.0, 50.0] and means[0].contribution == "" and make_shares(()) == ()
