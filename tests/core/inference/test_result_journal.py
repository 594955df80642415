"""Results survive in a journal exactly as they were, and a resumed run gives those of an unbroken one."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.inference.result_journal import ResultJournal, make_header, unpack_result
from bioclip_x.io.storage.journal import Journal
from bioclip_x.recipe import ONLY_SPEED
from bioclip_x.records import (
    EventImage,
    Explanation,
    HeatMap,
    Prediction,
    PromptContribution,
    Provenance,
    RankWinner,
    Region,
    Remainder,
    Result,
    Source,
    Step,
    Synonym,
    Taxon,
)

TAXON = Taxon(
    "species", "Parus major", (("genus", "Parus"), ("species", "Parus major")), {"en": ("great tit",)}, {"gbif": "9705453"},
    {"note": "a\u2028b"}, "Linnaeus, 1758", (Synonym("Parus robustus", "Brehm", "species"),),
)  # fmt: skip
FULL = Result(
    "caf\udce9.jpg",  # a name that is not UTF-8
    predictions=(Prediction(TAXON, 0.1 + 0.2, (Step("genus", "Parus", math.nan), Step("species", "Parus major", 0.3))),),
    ranks=(RankWinner("genus", TAXON, 0.7, True), RankWinner("family", None, 0.2, False)),
    explanation=Explanation(
        "Parus major", "none", "Parus major", "none", math.inf,
        (
            PromptContribution(
                "a cap", "a cap.", "descriptor", "x.yaml", 3, 1 / 3, -1e-300,
                heat_map=HeatMap(((1.0, 2.0), (3.0, 4.0)), (0.0, 0.0, 1.0, 1.0), "dense", True),
            ),
        ),
        -math.inf, (Remainder("rest", 0.1, "head"),), baseline=0.25,
    ),
    width=10, height=20, thumbnail=bytes(range(256)),
)  # fmt: skip
HEADER = {"model": "tiny"}


class Classifier:
    """Classifies by naming the image; counts its calls and fails at the image `fails_at`."""

    def __init__(self, fails_at: str = "") -> None:
        self.asked: list[str] = []
        self._fails_at = fails_at

    def __call__(self, sources: Iterable[Source]) -> Iterator[Result]:
        for source in sources:
            if source.name == self._fails_at:
                raise KeyboardInterrupt
            self.asked.append(source.name)
            yield Result(source.name, refused="no")


def make_sources(*names: str) -> list[Source]:
    return [Source(name) for name in names]


def run(path: Path, names: str, classify: Classifier, batch_size: int = 1) -> list[str]:
    journal = ResultJournal.open(path, HEADER, batch_size)
    try:
        return [result.source for result in journal.classify(make_sources(*names), classify)]
    finally:
        journal.close()


@pytest.mark.parametrize("full", [FULL, Result("a", error="no such file")])
def test_a_result_is_read_back_as_it_was(full: Result, tmp_path: Path) -> None:
    journal = ResultJournal.open(tmp_path / "j", HEADER, 1)
    list(journal.classify([Source("a")], lambda sources: [full for _ in sources]))
    journal.close()
    journal = ResultJournal.open(tmp_path / "j", HEADER, 1)
    (read,) = journal.classify([Source("a")], Classifier())
    journal.close()
    # By repr, since nan is unequal to itself.
    assert repr(read) == repr(full) and read.thumbnail == full.thumbnail


def test_a_resumed_run_classifies_the_rest_in_order(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "j", "abcdef", Classifier(fails_at="d"))
    rest = Classifier()
    assert run(tmp_path / "j", "abcdef", rest) == list("abcdef") and rest.asked == list("def")
    nothing = Classifier()
    assert run(tmp_path / "j", "abcdef", nothing) == list("abcdef") and nothing.asked == []


def test_new_images_are_classified_and_the_order_is_that_of_the_sources(tmp_path: Path) -> None:
    run(tmp_path / "j", "bdd", Classifier())
    rest = Classifier()
    assert run(tmp_path / "j", "adbcdd", rest) == list("adbcdd") and rest.asked == list("acd")


@pytest.mark.parametrize(("done", "kept"), [("abc", ""), ("abcd", "abcd"), ("abcdefg", "abcd"), ("", "")])
def test_results_are_kept_in_whole_batches(tmp_path: Path, done: str, kept: str) -> None:
    """The rest is then classified in the batches of an unbroken run."""
    run(tmp_path / "j", done, Classifier(), batch_size=4)
    rest = Classifier()
    run(tmp_path / "j", "abcdefgh", rest, batch_size=4)
    assert rest.asked == list("abcdefgh".removeprefix(kept))
    again = Classifier()
    run(tmp_path / "j", "abcdefgh", again, batch_size=4)
    assert again.asked == []


def test_a_file_that_has_changed_is_classified_again(tmp_path: Path) -> None:
    file, gone = tmp_path / "a.png", tmp_path / "gone.png"
    file.write_bytes(b"1")
    sources = [Source("a", file), Source("gone", gone)]

    def ask() -> list[str]:
        journal, classifier = ResultJournal.open(tmp_path / "j", HEADER, 1), Classifier()
        list(journal.classify(sources, classifier))
        journal.close()
        return classifier.asked

    assert ask() == ["a", "gone"] and ask() == []
    os.utime(file, ns=(0, 0))
    gone.write_bytes(b"here now")
    assert ask() == ["a", "gone"] and ask() == []


def test_the_header_has_what_results_depend_on() -> None:
    provenance = Provenance(
        version="1", model="m", revision="r", demo="", taxonomy="t", n_classes=2, n_prompts=2,
        recipe={"head": "flat", "batch_size": 32, "device": "cpu", "workers": None, "k": 5}, notes=("a note",),
    )  # fmt: skip
    header = make_header(provenance, "texts", thumbnails=True)
    assert header["recipe"] == {"head": "flat", "k": 5} and set(ONLY_SPEED).isdisjoint(header["recipe"])
    assert header["texts"] == "texts" and header["thumbnails"] and "notes" not in header and header["revision"] == "r"


def name_regions(
    sources: Iterable[Source], counts: dict[str, int], fails_after: int | None = None, asked: list[str] | None = None
) -> Iterator[Result]:
    """A classifier of images with several regions, some in events; fails after so many results. asked: filled with these."""
    given = 0
    members: dict[str, list[str]] = {}
    for source in sources:
        n = counts[source.name]
        for number in range(source.first_region, n):
            if given == fails_after:
                raise KeyboardInterrupt
            given += 1
            if asked is not None:
                asked.append(f"{source.name}{number}")
            region = Region((0, 0, 1, 1)) if n > 1 else None
            yield Result(
                source.name, refused="no", region=region, region_number=number, n_regions=n, event=source.event
            )
            members.setdefault(source.event, []).append(f"{source.name}{number}")
        if source.last_of_event:
            images = tuple(EventImage(one, 0, 0.5, None) for one in members[source.event])
            yield Result(source.event, refused="no", event=source.event, images=images)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_regions_and_events_of_a_resumed_run_are_those_of_an_unbroken_one(tmp_path: Path, batch_size: int) -> None:
    counts = {"a": 2, "b": 1, "c": 3, "d": 1, "e": 1, "f": 2}
    events = {"a": "", "b": "one", "c": "one", "d": "two", "e": "two", "f": "two"}
    sources = [Source(name, event=events[name], last_of_event=name in ("c", "f")) for name in counts]
    whole = list(name_regions(sources, counts))
    total = sum(counts.values())
    for stops_at in range(total + 1):
        path = tmp_path / f"{stops_at}.journal"
        for fails_after in (stops_at, None):
            journal = ResultJournal.open(path, HEADER, batch_size)
            asked: list[str] = []
            classify = partial(name_regions, counts=counts, fails_after=fails_after, asked=asked)
            try:
                given = list(journal.classify(sources, classify))
            except KeyboardInterrupt:
                given = []
            finally:
                journal.close()
        assert given == whole
        kept = stops_at // batch_size * batch_size
        begun = (0, 1, 2, 2, 2, 2, 6, 6, 6, 6, 10)[kept]  # the first result of the event that is open
        assert len(asked) == total - begun // batch_size * batch_size


def test_other_boxes_are_another_run(tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    provenance = Provenance("1", "m", "r", "", "t", 1, 1, {"boxes": str(boxes)})
    headers = []
    for content in ("[]", "[1]", "[]"):
        boxes.write_text(content)
        headers.append(make_header(provenance, "texts", thumbnails=False))
    assert headers[0] == headers[2] != headers[1]
    assert "boxes_sha256" not in make_header(Provenance("1", "m", "r", "", "t", 1, 1, {}), "texts", thumbnails=False)


def test_events_with_other_images_are_decided_anew(tmp_path: Path) -> None:
    """An image that was added, or a whole event, before or in an event that was interrupted or complete."""

    def make(events: dict[str, str]) -> list[Source]:
        return [
            Source(f"{event}{one}", event=event, last_of_event=one == names[-1])
            for event, names in events.items()
            for one in names
        ]

    before = {"A": "12", "B": "1234"}
    for number, after in enumerate(
        ({"A": "012", "B": "1234"}, {"C": "9", **before}, {"A": "123", "B": "1234"}, before)
    ):
        path = tmp_path / f"{number}.journal"
        counts = {source.name: 1 for source in (*make(before), *make(after))}
        journal = ResultJournal.open(path, HEADER, 2)
        with pytest.raises(KeyboardInterrupt):
            list(journal.classify(make(before), partial(name_regions, counts=counts, fails_after=5)))
        journal.close()
        journal = ResultJournal.open(path, HEADER, 2)
        given = list(journal.classify(make(after), partial(name_regions, counts=counts)))
        journal.close()
        assert given == list(name_regions(make(after), counts))


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"hello",
        b"[" * 100_000,
        b"[1, 2, 3, 4]\n",
        b'["a", null, [], ["image", 1, 1]]\n',
        b'["a", null, [], ["image", 0, 1]]\n' + zlib.compress(b"{}"),
        b'["a", null, [], ["image", 0, 1]]\nno zlib',
    ],
)
def test_a_record_that_is_no_result_is_an_error_that_names_the_file(tmp_path: Path, record: bytes) -> None:
    path = tmp_path / "out.journal"
    with Journal.open(path, {})[0] as journal:
        journal.append(record)

    def classify(sources: Iterable[Source]) -> Iterator[Result]:
        return iter(() if not list(sources) else [FULL])

    with pytest.raises(BioclipXError, match=r"out\.journal is damaged: what is at byte \d+ is no result"):
        journal_of_results = ResultJournal.open(path, {}, 1)
        try:
            list(journal_of_results.classify([Source("a")], classify))
        finally:
            journal_of_results.close()


def test_results_that_unpack_to_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioclip_x.inference.result_journal.RESULT_BYTES", 1000)
    with pytest.raises(ValueError, match="too large"):
        unpack_result(zlib.compress(bytes(100_000)))
