"""A language model's server on this machine: answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-secret-0123456789"


@dataclass(frozen=True)
class Reply:
    """body: JSON unless it is a string or bytes. wait: seconds before it is sent. reset: the connection breaks in the middle.
    drip: seconds between its bytes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    reset: bool = False
    drip: float = 0.0


@dataclass
class Server:
    """url: its base URL. asked: bodies of the requests. authorizations: what each came with."""

    url: str
    respond: Callable[[dict[str, Any]], Reply]
    asked: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def prompts(self) -> list[str]:
        return [body["messages"][0]["content"] for body in self.asked]


def said(text: str | None, finish_reason: str = "stop", **more: Any) -> Reply:
    """A chat completion."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    head = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
    return Reply({**head, "choices": [choice], "usage": usage, **more})


def failed(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """An error as OpenAI words it."""
    error = {"message": message, "type": "error", "param": None, "code": None, **more}
    return Reply({"error": error}, status, headers or {})


def in_turn(*replies: Reply) -> Callable[[dict[str, Any]], Reply]:
    """One reply after the other, the last for ever."""
    left = list(replies)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def serving(respond: Callable[[dict[str, Any]], Reply]) -> Iterator[Server]:
    server = Server("", respond)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(body)
            server.authorizations.append(self.headers.get("Authorization", ""))
            reply = server.respond(body) if self.path == "/v1/chat/completions" else failed(404, "no such path")
            if reply.wait:
                server.closing.wait(reply.wait)
            is_text = isinstance(reply.body, str | bytes)
            text = reply.body if is_text else json.dumps(reply.body)
            data = text if isinstance(text, bytes) else text.encode()
            headers = {"Content-Type": "text/html" if is_text else "application/json", "Content-Length": str(len(data))}
            try:
                self.send_response(reply.status)
                for name, value in {**headers, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.reset:
                    self.wfile.write(data[: len(data) // 2])
                    # An abortive close: the client sees a reset and not an end.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    return
                for start in range(0, len(data), 1 if reply.drip else max(1, len(data))):
                    self.wfile.write(data[start : start + 1] if reply.drip else data)
                    if reply.drip and server.closing.wait(reply.drip):
                        return
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client did not wait

        def finish(self) -> None:
            with suppress(OSError, ValueError):  # closed above
                super().finish()

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()
