"""A page's requests, without a browser."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from bioclip_x.app.server import make_app
from bioclip_x.app.session import Session

PORT, TOKEN = 8765, "a-token-for-tests"
ADDRESS = f"http://127.0.0.1:{PORT}"
ORIGIN = {"origin": ADDRESS}


class Page:
    """A client that has opened the page: its cookie has the token."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.client = TestClient(make_app(session, TOKEN, PORT), base_url=ADDRESS)
        assert self.client.get(f"/?token={TOKEN}").status_code == 200

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self.client.post(path, content=json.dumps(body), headers=ORIGIN)
        assert answer.status_code == status, answer.text
        return answer.json()

    def send(self, *photos: Path | tuple[str, bytes]) -> list[dict[str, str]]:
        """Sends photos and waits until they are classified."""
        files = [(one.name, one.read_bytes()) if isinstance(one, Path) else one for one in photos]
        form = [("photo", (name, io.BytesIO(content), "image/png")) for name, content in files]
        answer = self.client.post("/api/photos", files=form, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
        sent: list[dict[str, str]] = answer.json()["photos"]
        self.wait()
        return sent

    def items(self) -> list[dict[str, Any]]:
        return self.session.list_changes(0)[1]

    def wait(self) -> None:
        until = time.monotonic() + 120
        while self.session.take_choice() or any(one["state"] == "waiting" for one in self.items()):
            assert time.monotonic() < until, "the photos are not classified"
            time.sleep(0.01)
