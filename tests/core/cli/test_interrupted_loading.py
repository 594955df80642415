"""Ctrl-C ends a run while it waits for an image, and keeps what is done."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bioclip_x_field_guide.drawing import draw_species

ENOUGH = 15
"""Seconds; two on a machine that has nothing else to do. The image would take a minute, or for ever."""


class Hanging(http.server.BaseHTTPRequestHandler):
    asked = threading.Event()

    def do_GET(self) -> None:
        self.asked.set()
        time.sleep(60)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/a.png"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("place", ["server", "pipe"])
def test_an_image_that_does_not_arrive(place: str, url: str, tmp_path: Path) -> None:
    draw_species("Parus major", 1, 64).image.save(tmp_path / "good.png")
    os.mkfifo(tmp_path / "p.png")
    threading.Thread(target=trickle, args=[tmp_path / "p.png"], daemon=True).start()
    arguments = ["good.png", url if place == "server" else "p.png", "--labels", "Parus major,Erithacus rubecula"]
    options = ["--output", "out.jsonl", "--batch-size", "1", "--workers", "2"]
    environment = {**os.environ, "BIOCLIP_X_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "bioclip_x", "classify", *arguments, *options],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for_the_first_result(tmp_path, process)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert time.monotonic() - began < ENOUGH
        assert process.returncode == 130 and b"Traceback" not in said
        assert b"Parus major" in (tmp_path / "out.jsonl.journal").read_bytes()
    finally:
        process.kill()
        process.communicate()


def trickle(pipe: Path) -> None:
    """Writes a byte now and then, for ever."""
    with suppress(OSError), pipe.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x")
            time.sleep(0.5)


def wait_for_the_first_result(folder: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        journal = folder / "out.jsonl.journal"
        if journal.exists() and journal.read_bytes().count(b"\n") > 1:
            return
        time.sleep(0.05)
    raise AssertionError("no result")
