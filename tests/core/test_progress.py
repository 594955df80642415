"""A bar in a terminal or a notebook, a line a minute in a log file, and nothing where nothing is wanted."""

from __future__ import annotations

import io
import logging
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioclip_x import Classifier, progress
from bioclip_x.images.counting import count_images
from bioclip_x.progress import Progress, announce, report_progress
from helpers import picture


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time that log lines see."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def set_time(seconds: float) -> None:
        now[0] = seconds

    return set_time


def test_a_line_a_minute_in_a_log_file(clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as shown:
        stage = shown.stage("questions answered")
        for second in range(0, 200, 20):
            clock(second)
            stage(second // 2, 100)
        clock(200)
        stage(100, 100)
    assert capsys.readouterr().err.splitlines() == [
        "questions answered: 10 of 100 (10%), 0:00:20 elapsed, 0:03:00 left",
        "questions answered: 40 of 100 (40%), 0:01:20 elapsed, 0:02:00 left",
        "questions answered: 70 of 100 (70%), 0:02:20 elapsed, 0:01:00 left",
        "questions answered: 100 of 100 (100%), 0:03:20 elapsed",
    ]


def test_a_resumed_stage_and_a_line_on_demand(
    clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The time left is reckoned from the steps of this run; a stage that ended with a line ends with one line only."""
    with Progress() as shown:
        shown.begin("steps", 90)
        clock(10)
        shown.update("steps", 91, 100, now="loss 2.5", say=True)
        shown.say("epoch 9 of 10")
        clock(80)
        shown.update("steps", 98, 100, now="loss 1.5")
        clock(100)
        shown.update("steps", 100, 100, now="loss 1.4", say=True)
    assert capsys.readouterr().err.splitlines() == [
        "steps: 91 of 100 (91%), 0:00:10 elapsed, 0:01:30 left; loss 2.5",
        "epoch 9 of 10",
        "steps: 98 of 100 (98%), 0:01:20 elapsed, 0:00:20 left; loss 1.5",
        "steps: 100 of 100 (100%), 0:01:40 elapsed; loss 1.4",
    ]


def test_what_begins_is_announced_where_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    announce("before")
    with Progress():
        announce("data set 1 of 2")
    with Progress(enabled=False) as shown:
        announce("quiet")
        shown.begin("steps", 3)
        shown.update("steps", 4, 5, say=True)
    assert capsys.readouterr().err == "data set 1 of 2\n"


def test_a_short_run_says_nothing_in_a_log_file(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as shown:
        assert list(shown.images(range(5), lambda: 5)) == list(range(5))
        report_progress("drawings", 1, 2)
    assert capsys.readouterr().err == ""
    report_progress("drawings", 1, 2)  # no run shows it


def test_a_bar_with_total_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    counted = progress.threading.Event()

    def count() -> int:
        counted.set()
        return 40

    def results() -> Iterator[int]:
        for i in range(40):
            counted.wait(10)
            progress.time.sleep(0.02)
            yield i

    with Progress() as shown:
        shown.begin("steps", 3)
        shown.update("steps", 4, 9, now="loss 2.5")
        shown.say("above the bar")
    text = terminal.getvalue()
    assert "4/9 [" in text and "above the bar\n" in text
    terminal.truncate(0)
    terminal.seek(0)
    with Progress() as shown:
        assert len(list(shown.images(results(), count))) == 40
    text = terminal.getvalue()
    assert "/40 [" in text and "<00:00" in text and text.startswith("\rimages: ")
    with Progress(enabled=False) as shown:
        list(shown.images(results(), count))
        shown.update("x", 1, 2)
    assert terminal.getvalue() == text


def test_images_of_results_on_the_same_terminal_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(images=False) as shown:
        assert list(shown.images([1, 2], lambda: 2)) == [1, 2]
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_notes_in_the_middle_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("bioclip_x.anything")
    with Progress():
        log.warning("the batches \x1b[2J are halved")
    with Progress(enabled=False):
        log.warning("not shown")
    assert capsys.readouterr().err == "note: the batches \\x1b[2J are halved\n"


def test_a_count_that_fails_or_is_too_small(clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise OSError

    for count in (fail, lambda: 1, None):
        clock(0)
        with Progress() as shown:
            for i in shown.images(range(3), count):
                clock(100 * (i + 1))
        assert capsys.readouterr().err.splitlines()[-1] == "images: 3, 0:05:00 elapsed"


def test_counting(pictures: Path, tmp_path: Path) -> None:
    assert count_images([str(pictures), pictures / "a.png", str(pictures / "*.png"), picture()]) == 6
    assert count_images(["-", str(pictures)]) is None
    assert count_images(iter([pictures])) is None


def test_in_a_notebook_a_bar_appears_by_itself(
    tiny_model: str,
    birds_csv: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    list(classifier.classify(pictures))
    assert capsys.readouterr().err == ""
    list(classifier.classify(pictures, progress=True))  # no terminal, and it takes less than a minute
    assert capsys.readouterr().err == ""
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert progress.is_notebook()
    list(classifier.classify(pictures))
    assert "images: " in capsys.readouterr().err
    list(classifier.classify(pictures, progress=False))
    assert capsys.readouterr().err == ""
