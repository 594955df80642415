"""Lets in what comes from the page that this program opened, and nothing else; bounds what is sent.

A page of another site can send requests to 127.0.0.1, and by DNS rebinding even read the answers. So every request needs the
token, which only the printed address has; the name that it was sent to must be this machine's; and one that changes something
must come from this page.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs

from bioclip_x.app.limits import MIB, AppError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; style-src-attr 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script and no style sheet but the app's own files. Cards set widths of bars in attributes, from numbers."""
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)
SAFE: Final = ("GET", "HEAD")
HTTP_PORT: Final = 80


class Guard:
    """Wraps the application. port: that the browser sees. most: bytes of a request's body."""

    def __init__(self, app: App, token: str, port: int, most: int) -> None:
        self._app, self._token, self._most = app, token.encode(), most
        self.cookie = f"bioclip-x-{port}"  # cookies are shared by all ports of a host
        self._too_large = f"a request may have {most // MIB:,} MiB at most"
        names = ("127.0.0.1", "localhost")
        # Browsers leave out the port that is HTTP's own.
        self._hosts = {f"{name}:{port}" for name in names} | set(names if port == HTTP_PORT else ())
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no lifespan, no web sockets
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if refusal := self._find_refusal(scope, headers):
            await _answer(send, 403, refusal)
            return
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > self._most:
            await _answer(send, 413, self._too_large)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS, *self._make_cookie(scope, headers)]
            await send(message)

        await self._app(scope, self._bound(receive), send_with_headers)

    def _find_refusal(self, scope: Scope, headers: dict[str, str]) -> str:
        """Returns why a request is refused, "" if it is not."""
        if headers.get("host", "") not in self._hosts:
            return "expected a request to this machine by its own name"
        if not (self._is_token(_read_query(scope)) or self._is_token(self._read_cookie(headers))):
            return "expected the token: open the address that `bioclip-x app` has printed"
        if scope["method"] not in SAFE:
            # Browsers always tell the origin of a request of another site.
            is_own = headers.get("origin", next(iter(self._origins))) in self._origins
            if not is_own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
                return "expected a request of the app's own page"
        return ""

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)

    def _read_cookie(self, headers: dict[str, str]) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def _make_cookie(self, scope: Scope, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """Returns the header that gives the token to the browser, where it came in the address."""
        if not self._is_token(_read_query(scope)):
            return []
        cookie = f"{self.cookie}={self._token.decode()}; Path=/; HttpOnly; SameSite=Strict"
        return [(b"set-cookie", cookie.encode())]

    def _bound(self, receive: Receive) -> Receive:
        """Returns a `receive` that raises AppError for a longer body, also for one that tells no length."""
        left = self._most

        async def receive_bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise AppError(self._too_large, 413)
            return message

        return receive_bounded


def _read_query(scope: Scope) -> str:
    values = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20).get("token", [])
    return values[0] if values else ""


async def _answer(send: Send, status: int, reason: str) -> None:
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
