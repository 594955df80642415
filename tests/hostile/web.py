"""A web server that does not do what it should."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from contextlib import suppress
from functools import cache

from hostile.image_bytes import make_file


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.close_connection = True
        name = self.path.partition("?")[0].strip("/").partition(".")[0]
        with suppress(OSError):  # the program has left
            getattr(self, f"send_{name}", self.send_gone)()

    def send_body(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def send_gone(self) -> None:
        self.send_body(b"", 404)

    def send_good(self) -> None:
        self.send_body(make_file("png"))

    def send_fault(self) -> None:
        self.send_body(b"no", 500)

    def send_page(self) -> None:
        self.send_body(b"<html>log in first</html>", Content_Type="image/png")

    def send_loop(self) -> None:
        self.send_body(b"", 302, Location="/loop.png")

    def send_elsewhere(self) -> None:
        self.send_body(b"", 302, Location="/good.png")

    def send_tofile(self) -> None:
        self.send_body(b"", 302, Location="file:///etc/passwd")

    def send_tonowhere(self) -> None:
        self.send_body(b"", 302, Location="http://[")

    def send_early(self) -> None:
        self.send_body(make_file("png")[:99], Content_Length="90000")

    def send_longer(self) -> None:
        self.send_body(make_file("png") + bytes(90_000), Content_Length="50")

    def send_negative(self) -> None:
        self.send_body(make_file("png"), Content_Length="-5")

    def send_nolength(self) -> None:
        self.send_body(make_file("png"), Content_Length="many")

    def send_empty(self) -> None:
        self.send_body(b"")

    def send_bomb(self) -> None:
        self.send_body(_pack(), Content_Encoding="gzip")

    def send_notgzip(self) -> None:
        self.send_body(make_file("png"), Content_Encoding="gzip")

    def send_unknowncoding(self) -> None:
        self.send_body(make_file("png"), Content_Encoding="zopfli")

    def send_endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        part = bytes(1 << 20)
        for _ in range(10_000):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

    def send_badchunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"xyz\r\n" + make_file("png"))

    def send_nothttp(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.0\r\n")

    def send_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 1_000_000 + b"\r\n\r\n")

    def send_nothing(self) -> None:
        pass

    def send_hang(self) -> None:
        time.sleep(600)


@cache
def _pack() -> bytes:
    return gzip.compress(bytes(400 << 20), 1)


@cache
def start_server() -> str:
    """Starts the server, once for the process. Returns its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
