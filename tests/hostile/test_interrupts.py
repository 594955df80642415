"""Ctrl-C ends a run within seconds, whatever a plugin or a server is at, and what is done is kept. In processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hostile.inputs import write_image, write_labels
from hostile.servers import REPLIES, Reply, complete, start_server

SECONDS: Final = 5
"""After Ctrl-C, on an idle machine."""
# Whoever started the tests in the background has had SIGINT ignored for all below; the program's user has not.
PROGRAM: Final = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from bioclip_x.cli.main import main
main()
"""
SLOW: Final = """
import time
from collections.abc import Iterator
from pathlib import Path
from bioclip_x.plugin import ComponentSpec, hookimpl
{code}
class Own:
    provenance = {{"model": "m", "host": ""}}
    def decide(self, head_input):
        Path("begun").touch()
        {wait}
    def build(self, request):
        return self.decide(None)
    def complete(self, prompt, **more):
        return self.decide(None)
    def close(self): pass
@hookimpl
def heads(): return [ComponentSpec("own", "x", f"{{__name__}}:Own")]
@hookimpl
def text_builders(): return [ComponentSpec("own", "x", f"{{__name__}}:Own")]
@hookimpl
def language_models(): return [ComponentSpec("own", "x", f"{{__name__}}:Own")]
"""
WAITS: Final = {"sleep": "time.sleep(60)", "loop": "while True: pass"}


def interrupt(folder: Path, arguments: list[str], begun: str) -> tuple[int, str, float]:
    """Sends Ctrl-C to a run as soon as a file is there. Returns its status, its stderr and the seconds it then took."""
    environment = {**os.environ, "BIOCLIP_X_CACHE": str(folder / "cache"), "OPENAI_API_KEY": "none"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while not (folder / begun).exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.3)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        return process.returncode, err, time.monotonic() - sent
    finally:
        process.kill()


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("what", ["head", "text", "llm", "import"])
def test_ctrl_c_while_a_plugin_is_slow(tmp_path: Path, what: str, wait: str) -> None:
    write_image(tmp_path)
    write_labels(tmp_path)
    code = f"Path('begun').touch()\n{WAITS[wait]}" if what == "import" else ""
    (tmp_path / "own.py").write_text(SLOW.format(code=code, wait=WAITS[wait]))
    classify = ["classify", "bird.png", "--labels", "labels.txt", "--plugin", "own.py"]
    arguments = {
        "head": [*classify, "--head", "own"],
        "text": [*classify, "--text", "own"],
        "llm": ["describe", "--labels", "a,b", "--llm", "own", "--plugin", "own.py", "--output", "a.yaml"],
        "import": classify,
    }[what]
    status, err, seconds = interrupt(tmp_path, arguments, "begun")
    assert status == 130, err
    assert "Traceback" not in err
    assert seconds < 4 * SECONDS  # on a busy machine


def test_ctrl_c_while_a_server_hangs_keeps_the_answers(tmp_path: Path) -> None:
    REPLIES["first"] = Reply(complete("- a black cap\n- a yellow belly"))

    def hang() -> Iterator[bytes]:
        (tmp_path / "asked").touch()
        time.sleep(30)
        yield b" "

    REPLIES["hangs-for-long"] = Reply(hang)
    describe = ["describe", "--output", "a.yaml", "--base-url", start_server(), "--concurrency", "1", "--labels"]
    # The log has the answer to one class; that to the other never comes.
    run = [*describe, "a,b", "--llm", "openai:model=first"]
    subprocess.run([sys.executable, "-m", "bioclip_x", *run], cwd=tmp_path, check=True, capture_output=True)
    answers = tmp_path / "a.yaml.answers.jsonl"
    before = [json.loads(line)["asked"]["path"] for line in answers.read_text().splitlines()]
    status, err, seconds = interrupt(tmp_path, [*describe, "a,b,c", "--llm", "openai:model=hangs-for-long"], "asked")
    assert status == 130, err
    assert "Traceback" not in err and seconds < 4 * SECONDS
    assert [json.loads(line)["asked"]["path"] for line in answers.read_text().splitlines()] == before == [["a"], ["b"]]
