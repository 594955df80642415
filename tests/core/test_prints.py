"""What components print, in their own threads too, stays out of the program's output."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

import pytest

from bioclip_x.prints import divert_descriptor, divert_prints, diverted


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


LOUD = """
import os, subprocess, sys
sys.path[:0] = sys.argv[1:]
from bioclip_x.prints import divert_descriptor, divert_prints, diverted

def say(name):
    print(f"{name} print")
    sys.stdout.flush()
    sys.__stdout__.write(f"{name} dunder\\n")
    os.write(1, f"{name} descriptor\\n".encode())
    subprocess.run(["echo", f"{name} echo"])

with divert_descriptor(), divert_prints():
    print("own 1")
    with diverted():
        say("component")
    with diverted(False):
        say("report")
        with diverted():
            print("component print")
    say("own")
print("after")
"""


def test_what_goes_to_descriptor_1_is_no_output_of_the_program() -> None:
    """Only that of reports and commands, which may write as they like; the program's own goes through `sys.stdout`."""
    run = subprocess.run([sys.executable, "-c", LOUD, *sys.path], capture_output=True, text=True, check=True)
    report = [f"report {way}" for way in ("print", "dunder", "descriptor", "echo")]
    assert sorted(run.stdout.splitlines()) == sorted(["own 1", *report, "own print", "after"])
    component = [f"component {way}" for way in ("print", "dunder", "descriptor", "echo", "print")]
    own = [f"own {way}" for way in ("dunder", "descriptor", "echo")]
    assert sorted(run.stderr.splitlines()) == sorted([*component, *own])


def test_a_stream_of_a_caller_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with divert_descriptor():
        assert sys.stdout is before
        print("a")
    assert capsys.readouterr().out == "a\n"
