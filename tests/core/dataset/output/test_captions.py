"""Captioning many images: what is kept, skipped, retried, and what ends a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from bioclip_x.dataset.output.captions import (
    FAILURES_IN_A_ROW,
    CaptionedImage,
    ImageIds,
    caption_images,
    read_captioned,
    read_captions,
)
from bioclip_x.errors import BioclipXError, ComponentError, DatasetError, LanguageModelError, NoAnswerError, PluginError
from bioclip_x.records import Taxon

TIT = Taxon("species", "Parus major", (("species", "Parus major"),))


class Plain:
    """Says what the image's bytes are. answers: image → what is said or raised instead."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.provenance: Any = {"model": "m", "host": "h"}
        self.answers, self.asked, self.closed = answers or {}, list[str](), 0

    def answer(self, image: bytes, taxon: Taxon) -> Any:
        assert taxon is TIT
        name = image.decode()
        self.asked.append(name)
        said = self.answers.get(name, f"A picture of {name}.")
        if isinstance(said, BaseException):
            raise said
        return said

    def caption(self, image: bytes, taxon: Taxon) -> Any:
        return self.answer(image, taxon)

    def close(self) -> Any:
        self.closed += 1


class Asynchronous(Plain):
    async def caption(self, image: bytes, taxon: Taxon) -> Any:
        await anyio.sleep(0.001)
        return self.answer(image, taxon)

    async def close(self) -> None:
        self.closed += 1


def images(count: int, taken: list[str] | None = None) -> Iterator[CaptionedImage]:
    for number in range(count):
        if taken is not None:
            taken.append(f"i{number}")
        yield f"i{number}", f"i{number}".encode(), TIT


HEADER = {"images": "digest"}
both = pytest.mark.parametrize("kind", [Plain, Asynchronous])


@both
def test_every_image_is_captioned_once(kind: type[Plain], tmp_path: Path) -> None:
    captioner, done = kind(), list[int]()
    counts = caption_images(captioner, images(50), tmp_path / "new" / "j", HEADER, 4, progress=done.append)
    assert (counts.captioned, counts.failed, counts.earlier, captioner.closed) == (50, 0, 0, 1)
    assert dict(read_captions(tmp_path / "new" / "j")) == {f"i{n}": f"A picture of i{n}." for n in range(50)}
    assert done == list(range(1, 51))
    again = kind()
    counts = caption_images(again, images(60), tmp_path / "new" / "j", HEADER, 4)
    assert (counts.captioned, counts.earlier, sorted(again.asked)) == (10, 50, [f"i{n}" for n in range(50, 60)])


@both
def test_failures_are_recorded_with_their_reason_and_retried(kind: type[Plain], tmp_path: Path) -> None:
    journal = tmp_path / "j"
    answers = {"i1": NoAnswerError("h failed in\n1 try"), "i2": "I'm sorry, I can't help.", "i3": "", "i4": "A\nbird"}
    counts = caption_images(kind(answers), images(6), journal, HEADER)
    assert (counts.captioned, counts.failed) == (3, 3)
    assert counts.problems == {
        "h failed in 1 try": 1, "the model refused: I'm sorry, I can't help.": 1, "the model returned no words": 1,
    }  # fmt: skip
    captions = dict(read_captions(journal))
    assert sorted(captions) == ["i0", "i4", "i5"] and captions["i4"] == "A bird"
    skipping = kind()
    caption_images(skipping, images(6), journal, HEADER, retry_failed=False)
    assert skipping.asked == []
    retrying = kind({"i3": "..."})
    assert caption_images(retrying, images(6), journal, HEADER, 1).failed == 1
    assert retrying.asked == ["i1", "i2", "i3"]
    assert sorted(dict(read_captions(journal))) == ["i0", "i1", "i2", "i4", "i5"]


@both
def test_a_server_that_is_down_ends_the_run_and_keeps_what_is_there(kind: type[Plain], tmp_path: Path) -> None:
    answers = {f"i{n}": NoAnswerError("h cannot be reached") for n in range(5, 500)}
    captioner = kind(answers)
    with pytest.raises(LanguageModelError, match=r"h cannot be reached; j keeps 25 answers; run the same command"):
        caption_images(captioner, images(500), tmp_path / "j", HEADER, 1)
    assert len(captioner.asked) == 5 + FAILURES_IN_A_ROW and captioner.closed == 1
    assert len(read_captioned(tmp_path / "j")) == 5


@both
def test_refusals_in_a_row_do_not_end_the_run(kind: type[Plain], tmp_path: Path) -> None:
    answers = {f"i{n}": "I cannot identify it" for n in range(60)}
    assert caption_images(kind(answers), images(61), tmp_path / "j", HEADER).failed == 60


@both
def test_what_no_image_survives_ends_the_run_in_one_line(kind: type[Plain], tmp_path: Path) -> None:
    captioner = kind({"i3": LanguageModelError("h refused the key")})
    with pytest.raises(LanguageModelError) as problem:
        caption_images(captioner, images(100), tmp_path / "j", HEADER, 1)
    assert str(problem.value) == "h refused the key; j keeps 3 answers; run the same command to continue"
    assert len(captioner.asked) == 4


@both
def test_images_are_read_only_as_they_are_needed(kind: type[Plain], tmp_path: Path) -> None:
    taken: list[str] = []
    captioner = kind({"i9": LanguageModelError("stop")})
    with pytest.raises(LanguageModelError):
        caption_images(captioner, images(10**9, taken), tmp_path / "j", HEADER, 4)
    assert 10 <= len(taken) <= 10 + 4


@both
def test_images_that_cannot_be_read_end_the_run_with_their_error(kind: type[Plain], tmp_path: Path) -> None:
    def broken() -> Iterator[CaptionedImage]:
        yield from images(3)
        raise DatasetError("shard 7 is cut short")

    with pytest.raises(DatasetError, match="shard 7 is cut short"):
        caption_images(kind(), broken(), tmp_path / "j", HEADER, 1)
    assert len(read_captioned(tmp_path / "j")) == 3


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        (3, PluginError, "returned the int 3 from caption at i0; expected a str"),
        (None, PluginError, "returned None from caption at i0; expected a str"),
        (ValueError("no"), ComponentError, "failed in caption at i0: ValueError: no"),
        (SystemExit(0), ComponentError, "sys.exit"),
    ],
)
@both
def test_faults_of_the_captioner_name_it(
    kind: type[Plain], said: Any, error: type[Exception], told: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=told):
        caption_images(kind({"i0": said}), images(3), tmp_path / "j", HEADER, 1)


@pytest.mark.parametrize("told", [None, {"model": "m"}, {"model": "m", "host": object()}])
def test_a_wrong_provenance_is_an_error_before_anything_is_asked(told: Any, tmp_path: Path) -> None:
    captioner = Plain()
    captioner.provenance = told
    with pytest.raises(PluginError, match="from provenance"):
        caption_images(captioner, images(3), tmp_path / "j", HEADER)
    assert not captioner.asked and not (tmp_path / "j").exists()


def test_a_journal_of_another_captioner_or_of_other_images_is_refused(tmp_path: Path) -> None:
    caption_images(Plain(), images(3), tmp_path / "j", HEADER)
    other = Plain()
    other.provenance = {"model": "n", "host": "h"}
    with pytest.raises(BioclipXError, match=r"captioner\.model was 'm' and is 'n'"):
        caption_images(other, images(3), tmp_path / "j", HEADER)
    with pytest.raises(BioclipXError, match="images was"):
        caption_images(Plain(), images(3), tmp_path / "j", {"images": "other"})


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("notes")
    with pytest.raises(BioclipXError, match="is no journal"):
        caption_images(Plain(), images(3), tmp_path / "j", HEADER)
    with pytest.raises(DatasetError, match="is no journal of captions"):
        list(read_captions(tmp_path / "j"))
    assert len(read_captioned(tmp_path / "none")) == 0


def test_a_set_of_identifiers() -> None:
    names = [f"image {number}" for number in range(3000)]
    ids = ImageIds(iter(names))
    assert len(ids) == 3000 and all(name in ids for name in names)
    assert not any(f"other {number}" in ids for number in range(3000)) and "a" not in ImageIds()


class UntilReleased(Plain):
    def __init__(self, released: threading.Event) -> None:
        super().__init__()
        self.released = released

    def caption(self, image: bytes, taxon: Taxon) -> Any:
        if image != b"i0":
            self.released.wait(60)
        return self.answer(image, taxon)


def test_ctrl_c_keeps_what_has_arrived(tmp_path: Path) -> None:
    released, started = threading.Event(), time.monotonic()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    captioner = UntilReleased(released)
    try:
        with pytest.raises(KeyboardInterrupt):
            caption_images(
                captioner,
                images(10),
                tmp_path / "j",
                HEADER,
                2,
                progress=lambda done: signal.raise_signal(signal.SIGINT),
            )
    finally:
        signal.signal(signal.SIGINT, handler)
        released.set()
    assert time.monotonic() - started < 30 and captioner.closed == 1
    assert list(read_captions(tmp_path / "j")) == [("i0", "A picture of i0.")]


KILLED = """
import os, signal, sys
from pathlib import Path
from core.dataset.output.test_captions import HEADER, Plain, images
from bioclip_x.dataset.output.captions import caption_images

def stop(done):
    if done == 20:
        os.kill(os.getpid(), signal.SIGKILL)

caption_images(Plain(), images(100), Path(sys.argv[1]), HEADER, 4, progress=stop)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_run_loses_nothing_that_arrived(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tests = str(request.config.rootpath / "tests")
    path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH", "")])])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "j"], env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    with (tmp_path / "j").open("ab") as stream:
        stream.write(b"\x20\0\0\0torn")
    captioner = Plain()
    counts = caption_images(captioner, images(100), tmp_path / "j", HEADER, 4)
    assert counts.earlier == 20 and counts.captioned == len(captioner.asked) == 80
    assert len(dict(read_captions(tmp_path / "j"))) == 100


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: Any, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    def fill(done: int) -> None:
        monkeypatch.setattr("bioclip_x.io.storage.journal.write_all", full)

    with pytest.raises(BioclipXError, match="No space left on device; what is done is kept"):
        caption_images(Plain(), images(5), tmp_path / "j", HEADER, 1, progress=fill)
    assert len(read_captioned(tmp_path / "j")) == 1
