"""What components print, in their own threads too, stays out of the program's output."""

from __future__ import annotations

import contextlib
import threading

import pytest

from bioclip_x.prints import divert_prints, diverted


def say(text: str, *, in_thread: bool) -> None:
    if not in_thread:
        print(text)
        return
    thread = threading.Thread(target=print, args=(text,))
    thread.start()
    thread.join()


@pytest.mark.parametrize("in_thread", [False, True])
def test_prints_of_components_go_to_stderr_and_those_of_reports_to_stdout(
    in_thread: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with divert_prints():
        with diverted():
            say("component", in_thread=in_thread)
        with diverted(False):
            say("report", in_thread=in_thread)
            with diverted():
                say("component in a command", in_thread=in_thread)
            say("report", in_thread=in_thread)
    assert capsys.readouterr() == ("report\nreport\n", "component\ncomponent in a command\n")


def test_a_component_in_a_worker_leaves_the_output_to_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    runs, ends = threading.Event(), threading.Event()

    def work() -> None:
        with diverted():
            runs.set()
            ends.wait(10)
            print("component")

    with divert_prints():
        worker = threading.Thread(target=work)
        worker.start()
        assert runs.wait(10)
        print("document")
        ends.set()
        worker.join()
        say("left behind by a component", in_thread=True)
    assert capsys.readouterr() == ("document\n", "component\nleft behind by a component\n")


def test_a_failure_ends_the_diversion(capsys: pytest.CaptureFixture[str]) -> None:
    with divert_prints():
        with contextlib.suppress(KeyError), diverted():
            raise KeyError
        with diverted(False):
            say("report", in_thread=True)
        print("document")
    assert capsys.readouterr() == ("report\ndocument\n", "")
