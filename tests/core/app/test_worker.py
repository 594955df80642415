"""The worker lives on, whatever fails, and results that are there stay."""

from __future__ import annotations

import csv
import errno
import io
from typing import Any

import pytest

pytest.importorskip("starlette")

from core.app.conftest import DRAWINGS, MakeSession
from core.app.pages import Page

PHOTOS = sorted(DRAWINGS.glob("*.png"))[:4]


def test_a_full_disk_fails_photos_without_a_result_and_nothing_else(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(make_session())
    page.send(PHOTOS[0])
    store, stored = page.session.store, []
    put = store.put

    def put_one(*arguments: Any) -> None:
        if stored:
            raise OSError(errno.ENOSPC, "No space left on device")
        stored.append(arguments[0])
        put(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put", put_one)
        page.send(*PHOTOS[1:])
    states = {one["key"]: one["state"] for one in page.items()}
    assert states["1"] == "named" and states[stored[0]] == "named"
    assert sorted(states.values()) == ["failed", "failed", "named", "named"]
    told = page.get("/api/state")["error"]
    assert "No space left on device" in told and str(store.folder) in told and "TMPDIR" in told
    failed = next(key for key, state in states.items() if state == "failed")
    assert "No space left" in page.get(f"/api/cards/{failed}")["html"]
    assert "could not be read" in page.post(f"/api/cards/{failed}", {"why_not": "Pica pica"}, 409)["error"]
    rows = list(csv.DictReader(io.StringIO(page.client.get("/api/export/csv").text)))
    assert len({row["file_name"] for row in rows if "No space left" in row["error"]}) == 2

    page.send(PHOTOS[0])  # there is room again
    assert page.items()[-1]["state"] == "named"


def test_a_fault_of_the_session_does_not_end_the_worker(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(make_session())

    def fail(*_: Any) -> None:
        raise ValueError("no choice can be put in place")

    with monkeypatch.context() as patched:
        patched.setattr(page.session.store, "clear_results", fail)
        settings = page.get("/api/state")["settings"]
        page.post("/api/settings", {**settings, "descriptors": "none"})
        page.wait()
    page.send(PHOTOS[0])
    assert page.items()[0]["state"] == "named" and "put in place" in page.get("/api/state")["error"]
