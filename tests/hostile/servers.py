"""A language model's server on this machine, which misbehaves as the model that it is asked for is called."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

KEY: Final = "sk-secret-0123456789"
"""What cases set OPENAI_API_KEY to."""


@dataclass(frozen=True)
class Reply:
    """body: bytes, or an iterator of pieces that are sent as chunks. close: without a word, before the headers."""

    body: bytes | Callable[[], Iterator[bytes]] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    close: bool = False
    wait: float = 0
    length: int | None = None


def complete(text: Any, **more: Any) -> bytes:
    """Returns a chat completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 7, "completion_tokens": 5}
    return json.dumps({"id": "1", "model": "m", "choices": [choice], "usage": usage, **more}).encode()


REPLIES: Final[dict[str, Reply]] = {}
"""Model → what the server answers."""


@cache
def start_server() -> str:
    """Starts the server, which ends with the process. Returns its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(REPLIES[asked["model"]])

        def do_GET(self) -> None:
            self._send(REPLIES["redirect"])

        def _send(self, reply: Reply) -> None:
            time.sleep(reply.wait)
            self.close_connection = True
            if reply.close:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            try:
                self.send_response(reply.status)
                headers = {"Content-Type": reply.kind, "Connection": "close", **reply.headers}
                if isinstance(reply.body, bytes):
                    headers["Content-Length"] = str(len(reply.body) if reply.length is None else reply.length)
                else:
                    headers["Transfer-Encoding"] = "chunked"
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if isinstance(reply.body, bytes):
                    self.wfile.write(reply.body)
                    return
                for piece in reply.body():
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")
            except OSError:  # the client does not wait
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"


@cache
def find_closed_port() -> int:
    """Returns a port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@cache
def compress(size: int, layers: int = 1, header: bytes = b"") -> bytes:
    """Returns blanks that are compressed so many times."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * (1 << 20)
    data = b"".join(
        [compressor.compress(header), *(compressor.compress(piece) for _ in range(size >> 20)), compressor.flush()]
    )
    for _ in range(layers - 1):
        data = gzip.compress(data)
    return data


def send_for_ever(piece: bytes, pause: float = 0.0, most: float = 30) -> Callable[[], Iterator[bytes]]:
    """Returns what yields a piece again and again, for so many seconds."""

    def pieces() -> Iterator[bytes]:
        end = time.monotonic() + most
        while time.monotonic() < end:
            yield piece
            time.sleep(pause)

    return pieces
