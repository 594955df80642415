"""Who gets in: only the page that this program opened, by this machine's own name, with bounded requests."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from bioclip_x.app.limits import Limits
from bioclip_x.app.server import make_app
from core.app.conftest import MakeSession
from core.app.pages import ADDRESS, ORIGIN, PORT, TOKEN, Page


@pytest.fixture
def client(make_session: MakeSession) -> TestClient:
    return TestClient(make_app(make_session(), TOKEN, PORT), base_url=ADDRESS)


def test_the_address_answers_and_hands_over_the_token(client: TestClient) -> None:
    answer = client.get(f"/?token={TOKEN}")
    assert answer.status_code == 200 and "<!doctype html>" in answer.text
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and str(PORT) in cookie.partition("=")[0]
    assert client.get("/").status_code == 200
    assert client.get("/api/state").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/static/cards.css", "/api/state", "/api/changes", "/nothing"]
)
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", "?token=%ff%00é"])
def test_nothing_without_the_token(client: TestClient, path: str, query: str) -> None:
    assert client.get(path + query).status_code == 403
    assert client.get(path + query, headers={"cookie": f"bioclip-x-{PORT}=wrong"}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil:{PORT}", ""]
)
def test_only_this_machines_name(client: TestClient, host: str) -> None:
    assert client.get(f"/?token={TOKEN}", headers={"host": host}).status_code == 403


def test_localhost_is_this_machine(client: TestClient) -> None:
    assert client.get(f"/?token={TOKEN}", headers={"host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_port_80_is_left_out(make_session: MakeSession, name: str) -> None:
    client = TestClient(make_app(make_session(), TOKEN, 80), base_url=f"http://{name}")
    assert client.get(f"/?token={TOKEN}", headers={"host": name}).status_code == 200
    assert client.get(f"/?token={TOKEN}", headers={"host": f"{name}:80"}).status_code == 200
    own = {"host": name, "origin": f"http://{name}", "sec-fetch-site": "same-origin"}
    assert client.post("/api/clear", content="{}", headers=own).status_code == 200
    assert client.post("/api/clear", content="{}", headers={**own, "origin": "http://evil.example"}).status_code == 403
    assert client.get(f"/?token={TOKEN}", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"origin": f"http://127.0.0.1:{PORT + 1}"},
     {"origin": f"https://127.0.0.1:{PORT}"}, {**ORIGIN, "sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)  # fmt: skip
def test_changes_come_from_the_own_page(client: TestClient, headers: dict[str, str]) -> None:
    client.get(f"/?token={TOKEN}")
    assert client.post("/api/clear", content="{}", headers=headers).status_code == 403
    assert client.post("/api/clear", content="{}", headers=ORIGIN).status_code == 200


def test_the_policy_allows_own_files_only(client: TestClient) -> None:
    answer = client.get(f"/?token={TOKEN}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "script-src" not in policy and "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (
        "<script>" not in answer.text
        and "onclick" not in answer.text
        and "http" not in answer.text.partition("<body")[2]
    )


def test_a_request_is_bounded(make_session: MakeSession) -> None:
    page = Page(make_session(Limits(request_bytes=2000)))
    answer = page.client.post("/api/photos", files=[("photo", ("a.png", b"x" * 3000, "image/png"))], headers=ORIGIN)
    assert answer.status_code == 413

    def chunks() -> object:  # without a length
        for _ in range(30):
            yield b"x" * 100

    answer = page.client.post("/api/settings", content=chunks(), headers=ORIGIN)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert page.client.get("/", headers={"content-length": "many"}).status_code == 413


def test_unknown_paths_and_methods(client: TestClient) -> None:
    client.get(f"/?token={TOKEN}")
    assert client.get("/static/..%2fguard.py").status_code == 404
    assert client.get("/static/../guard.py").status_code == 404
    assert client.get("/api/cards/1").status_code == 404
    assert client.put("/api/clear", headers=ORIGIN).status_code == 405
