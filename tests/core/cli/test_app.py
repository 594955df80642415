"""The command: one line with the address, a port of its own, and an end at once."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from bioclip_x.app.server import bind, check_installed
from bioclip_x.cli.main import main
from bioclip_x.errors import BioclipXError

pytest.importorskip("uvicorn")


@contextmanager
def running(
    folder: Path, *flags: str, browser: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the first line that it prints."""
    command = [sys.executable, "-m", "bioclip_x", "app", "--browser" if browser else "--no-browser", *flags]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **(settings or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        assert process.stdout
        try:
            yield process, process.stdout.readline()
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def test_an_address_on_one_line_and_an_end_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as (process, line):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}\n", line)
        with urllib.request.urlopen(line.strip()) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(line.partition("?")[0])
        stream = urllib.request.urlopen(line.strip().replace("/?", "/api/changes?"))  # stays open
        stream.readline()
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
        stream.close()
        assert process.returncode == 0 and out == "" and time.monotonic() - begun < 5
        assert err.startswith("corrected names: bioclip-x-labels.csv") and "Traceback" not in err
        assert not list(tmp_path.glob("*labels*"))  # nothing was corrected


def test_the_browser_gets_a_private_file_and_no_token(tmp_path: Path) -> None:
    """A browser that notes its arguments, and the file that they name."""
    seen, fake, temporary = tmp_path / "seen", tmp_path / "browser", tmp_path / "temporary"
    temporary.mkdir()
    fake.write_text(
        f"#!{sys.executable}\n"
        "import os, sys, urllib.parse, urllib.request\n"
        "path = urllib.request.url2pathname(urllib.parse.urlsplit(sys.argv[1]).path)\n"
        f"out = open({str(seen)!r} + '.part', 'w')\n"
        "out.write('\\n'.join([sys.argv[1], oct(os.stat(path).st_mode & 0o777), open(path).read()]))\n"
        "out.close()\n"
        f"os.replace({str(seen)!r} + '.part', {str(seen)!r})\n"
    )
    fake.chmod(0o700)
    settings = {"BROWSER": f"{fake} %s", "DISPLAY": ":99", "TMPDIR": str(temporary)}
    with running(tmp_path, browser=True, settings=settings) as (process, line):
        until = time.monotonic() + 20
        while not seen.exists():
            assert time.monotonic() < until, "the browser was not opened"
            time.sleep(0.05)
        argument, mode, page = seen.read_text().split("\n", 2)
        assert argument.startswith("file:///") and "token" not in argument and mode == "0o600"
        assert f"url={line.strip()}" in page
        assert list(temporary.glob("bioclip-x-app-*/open.html"))
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
    assert not list(temporary.glob("bioclip-x-app-*"))


def test_sigterm_is_told_apart(tmp_path: Path) -> None:
    with running(tmp_path, "--quiet", "--labels", "x.csv") as (process, line):
        assert line.startswith("http://127.0.0.1:")
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 143


def test_a_port_in_use_is_told_or_passed_over() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BioclipXError, match=f"--port {port}: .*in use"):
            bind(port)
    with bind(None) as first, bind(None) as second:
        assert first.getsockname()[0] == second.getsockname()[0] == "127.0.0.1"
        assert first.getsockname()[1] != second.getsockname()[1]


def test_on_windows_a_port_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    options = []
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    monkeypatch.setattr(socket.socket, "setsockopt", lambda self, *option: options.append(option))
    bind(None).close()
    assert set(options) == {(socket.SOL_SOCKET, -5, 1)}


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart"])
def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BioclipXError, match=r"pip install 'bioclip-x\[app\]'"):
        check_installed()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--taxonomy", "nowhere.csv"), "nowhere.csv"),
        (("--labels", "nowhere/labels.csv"), "there is no folder nowhere"),
        (("--labels", "labels.txt"), "expected a CSV file"),
        (("--folder", "/tmp"), "below"),
        (("--model", "nothing"), "nothing"),
        (("--port", "70000"), "70000"),
        (("--event-by", "folder"), "--event-by (in a recipe: event_by) folder: the app names photos one by one"),
        (("--frames", "1/s"), "--frames (in a recipe: frames) 1/s: the app names photos one by one"),
        (("--recipe", "events.yaml"), "event_by) 60s: the app names photos one by one"),
    ],
)
def test_a_wrong_request_ends_with_one_error(
    flags: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("events.yaml").write_text("event_by: 60s\n")
    with pytest.raises(SystemExit) as ended:
        main(["app", "--no-browser", *flags])
    captured = capsys.readouterr()
    assert ended.value.code == 2 and captured.out == ""
    assert message in captured.err and "Traceback" not in captured.err
