"""Serves the page on 127.0.0.1, to whoever has the address with its token."""

from __future__ import annotations

import errno
import html
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

from bioclip_x.app.guard import App, Guard
from bioclip_x.app.routes import Routes
from bioclip_x.app.session import Session
from bioclip_x.app.worker import Worker
from bioclip_x.errors import BioclipXError

HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 8760
TRIED: Final = 100


def check_installed() -> None:
    """Raises BioclipXError if what serves the page is not installed."""
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as problem:
        raise BioclipXError(f"the app needs {problem.name}; pip install 'bioclip-x[app]'") from None


def bind(port: int | None) -> socket.socket:
    """Opens a port of this machine alone: the one asked for, or the next free one. Raises BioclipXError."""
    for tried in [port] if port is not None else range(FIRST_PORT, FIRST_PORT + TRIED):
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, _find_port_option(), 1)
        try:
            bound.bind((HOST, tried))
            bound.listen(128)
        except OSError as problem:
            bound.close()
            if port is None and problem.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise BioclipXError(
                f"--port {tried}: {problem.strerror}; choose another, or leave it out for the next free one"
            ) from None
        return bound
    raise BioclipXError(f"no port from {FIRST_PORT} to {FIRST_PORT + TRIED - 1} is free; choose one with --port")


def _find_port_option() -> int:
    """Returns the socket option for a port that only one program has, and has again at once after another has ended.

    Elsewhere than on Windows a port is held for a minute, but with SO_REUSEADDR; there that would let two programs share one.
    """
    return int(getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR))


def make_token() -> str:
    return secrets.token_urlsafe(24)


def write_redirect(folder: Path, address: str) -> Path:
    """Writes a page, which only this user can read, that leads to an address; returns its file."""
    path, target = folder.resolve() / "open.html", html.escape(address)
    page = (
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}"><title>bioclip-x</title>'
        f'<a href="{target}">bioclip-x app</a>\n'
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(page)
    return path


def make_app(session: Session, token: str, port: int) -> App:
    """Makes the ASGI application."""
    from starlette.applications import Starlette

    app: App = Starlette(routes=Routes(session).list())
    return Guard(app, token, port, session.limits.request_bytes)


def serve(session: Session, bound: socket.socket, announce: Callable[[str], None]) -> None:
    """Serves a session until Ctrl-C, which ends it at once. announce: called with the address when it answers."""
    import uvicorn

    class Server(uvicorn.Server):
        """One that waits for no open stream, and closes them."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            session.notices.closed = True  # no lock in a signal handler
            self.force_exit = True
            super().handle_exit(sig, frame)

    port, token = bound.getsockname()[1], make_token()
    config = uvicorn.Config(
        make_app(session, token, port), lifespan="off", log_level="critical", access_log=False, server_header=False
    )
    worker = Worker(session)
    worker.start()
    announce(f"http://{HOST}:{port}/?token={token}")
    try:
        Server(config).run(sockets=[bound])
    except KeyboardInterrupt as stopped:  # which uvicorn raises again after it has closed
        if type(stopped) is not KeyboardInterrupt:  # SIGTERM, which the command line tells apart
            raise
    finally:
        session.stop()
        worker.join(timeout=0.3)
        session.store.close()
