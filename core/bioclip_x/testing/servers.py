"""A server on this machine, which answers what a check tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """status: 0 closes the connection without an answer. hangs: until the server is closed."""

    body: bytes = b""
    status: int = 200
    hangs: bool = False


@contextmanager
def serving(respond: Callable[[int], Reply]) -> Iterator[str]:
    """Yields the address of a server. respond: number of the request, from 0 → what it gets."""
    closing, lock, seen = threading.Event(), threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                reply = respond(seen[0])
                seen[0] += 1
            if reply.hangs:
                closing.wait()
            if reply.hangs or not reply.status:
                self.close_connection = True
                return
            with suppress(OSError):  # the client did not wait
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            """Keeps standard error clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
