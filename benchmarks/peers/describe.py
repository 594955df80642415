"""Throughput of `describe` against a server that takes 200 ms per answer, and the cost of killing a run halfway.

The server is a local process that answers any number of requests concurrently, so at most concurrency / 0.2 s answers per second
are possible. The figure is the percentage of that reached, from the first question to the written file, for 1,000 classes. After
the kill: requests of both runs beyond one per class, without those in flight when the first run was killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from urllib.request import ProxyHandler, build_opener

from peers.figures import Limit, seconds

from bioclip_x.taxonomy.builder import from_labels

ROUNDS = 3
CLASSES = 1000
DELAY = 0.2
CONCURRENCIES = (8, 32)
LEAST = 80.0
DESCRIBE = [sys.executable, "-m", "bioclip_x", "describe", "--quiet"]


def measure(rounds: int) -> dict[str, Limit]:
    figures = {}
    with TemporaryDirectory() as folder, _run_server() as url:
        for concurrency in CONCURRENCIES:
            best = concurrency / DELAY
            percentages = tuple(
                100 * CLASSES / _time_describing(url, Path(folder, f"{concurrency}-{i}.yaml"), concurrency) / best
                for i in range(rounds)
            )
            what = f"of the {best:.0f} answers per second that are possible"
            figures[f"{CLASSES:,} classes, {concurrency} at a time"] = Limit(what, "%", percentages, least=LEAST)
        repeated = tuple(_count_repeated(url, Path(folder, f"killed-{i}.yaml"), 32) for i in range(rounds))
        figures["killed at half and started again"] = Limit("requests repeated", "", repeated, most=0)
    return figures


def _time_describing(url: str, output: Path, concurrency: int) -> float:
    """Returns the seconds of one call of `bioclip_x.describe.run.describe`, imports excluded."""
    from bioclip_x.describe.questions import make_questions
    from bioclip_x.describe.run import describe
    from bioclip_x.prompts.llm_prompts import load_template
    from bioclip_x_plugins.language_models.openai_compatible import OpenAICompatible

    os.environ.setdefault("OPENAI_API_KEY", "none")
    template = load_template("exemplar").model_copy(update={"domain": "birds"})
    questions, _ = make_questions(from_labels(_make_labels()), template)
    model = OpenAICompatible(model="m", base_url=url)
    return seconds(lambda: describe(questions, template, model, output, concurrency=concurrency))


def _count_repeated(url: str, output: Path, concurrency: int) -> float:
    """Returns the number of requests that had already been answered and stored."""
    labels = output.with_suffix(".txt")
    labels.write_text("\n".join(_make_labels()), "utf-8")
    command = [
        *DESCRIBE,
        "--labels",
        str(labels),
        "--llm",
        "openai:model=m",
        "--base-url",
        url,
        "--output",
        str(output),
    ]
    command += ["--concurrency", str(concurrency)]
    environment = {**os.environ, "OPENAI_API_KEY": "none"}
    before = _count_requests(url)
    first = subprocess.Popen(command, env=environment)
    log = output.with_name(f"{output.name}.answers.jsonl")
    while _count_lines(log) < CLASSES // 2 and first.poll() is None:
        sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    stored, sent = _count_lines(log), _count_requests(url) - before
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert 0 < stored < CLASSES and sent - stored <= concurrency, (stored, sent)
    return float(_count_requests(url) - before - sent - (CLASSES - stored))


def _make_labels() -> list[str]:
    return [f"species {number}" for number in range(CLASSES)]


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _count_requests(url: str) -> int:
    with build_opener(ProxyHandler({})).open(url.removesuffix("/v1") + "/count") as reply:
        return int(reply.read())


@contextmanager
def _run_server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "peers.describe"], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class _Server(asyncio.Protocol):
    """Minimal HTTP: POST is answered after DELAY with a list of phrases, GET with the number of POST requests."""

    posts = 0
    completion = json.dumps(
        {
            "object": "chat.completion",
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "- a black cap\n- white cheeks\n- a yellow breast"},
                }
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    ).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        fields = (line.partition(b":") for line in head.lower().split(b"\r\n"))
        length = next((int(value) for name, _, value in fields if name == b"content-length"), 0)
        if len(body) < length:
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._answer(str(_Server.posts).encode())
            return
        _Server.posts += 1
        asyncio.get_running_loop().call_later(DELAY, self._answer, self.completion)

    def _answer(self, body: bytes) -> None:
        if self._transport.is_closing():
            return
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self._transport.write(head + body)  # type: ignore[attr-defined]


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
