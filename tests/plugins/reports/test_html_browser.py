"""The page in a browser: no errors, a filter and an order that work, and hostile names that stay text."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.records import Provenance, Result
from bioclip_x_plugins.reports.facts import visible
from bioclip_x_plugins.reports.html_report import HtmlReport

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync",
)  # fmt: skip


class Browser:
    """A WebDriver session, over plain HTTP."""

    def __init__(self, port: int, binary: str, profile: Path) -> None:
        self._root = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                self._call("GET", "/status")
                break
            except OSError:
                time.sleep(0.05)
        options = {"binary": binary, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._root += f"/session/{session['sessionId']}"

    def open(self, path: Path) -> None:
        self._call("POST", "/url", {"url": path.as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        return self._call("POST", "/execute/sync", {"script": script, "args": arguments})

    def log(self) -> list[dict[str, Any]]:
        return self._call("POST", "/se/log", {"type": "browser"})

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def quit(self) -> None:
        self._call("DELETE", "")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._root + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("needs chromium and chromedriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            browser = Browser(port, binary, tmp_path_factory.mktemp("profile"))
            yield browser
            browser.quit()
        finally:
            process.terminate()


@pytest.fixture
def page(
    browser: Browser, provenance: Provenance, blue_tit: Result, goldfinch: Result, unreadable: Result, tmp_path: Path
) -> Browser:
    write(tmp_path / "o.html", provenance, blue_tit, unreadable, goldfinch)
    browser.open(tmp_path / "o.html")
    return browser


def write(path: Path, provenance: Provenance, *results: Result) -> None:
    with HtmlReport().open(path, provenance) as writer:
        for result in results:
            writer.write(result)


def shown(browser: Browser) -> list[str]:
    return browser.run(
        "return [...document.querySelectorAll('article')].filter(a => !a.hidden).map(a => a.dataset.file)"
    )


def type_in(browser: Browser, element: str, value: str, event: str) -> None:
    browser.run(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(arguments[2], {bubbles: true}))", element, value, event
    )  # fmt: skip


def test_no_errors_and_pictures_decoded(page: Browser) -> None:
    assert page.log() == []
    assert page.run("return !document.getElementById('tools').hidden")
    page.run("document.querySelector('img').loading = 'eager'")
    assert page.run("return document.querySelector('img').naturalWidth") == 64


@pytest.mark.parametrize(
    "typed, found",
    [
        ("blue", ["photos/blue tit.jpg"]),
        ("EUROPEAN goldf", ["photos/goldfinch.jpg"]),
        ("photos truncated", ["photos/broken.jpg"]),
        ("passeriformes", ["photos/blue tit.jpg", "photos/goldfinch.jpg"]),
        ("nothing of the kind", []),
        ("", ["photos/blue tit.jpg", "photos/broken.jpg", "photos/goldfinch.jpg"]),
    ],
)
def test_filter(typed: str, found: list[str], page: Browser) -> None:
    type_in(page, "find", typed, "input")
    assert shown(page) == found
    assert page.run("return document.getElementById('none').hidden") == bool(found)


@pytest.mark.parametrize(
    "order, files",
    [
        ("file", ["blue tit", "broken", "goldfinch"]),
        ("name", ["goldfinch", "blue tit", "broken"]),
        ("share", ["blue tit", "goldfinch", "broken"]),
        ("share-down", ["goldfinch", "blue tit", "broken"]),
        ("margin", ["goldfinch", "blue tit", "broken"]),
        ("margin-down", ["blue tit", "goldfinch", "broken"]),
        ("", ["blue tit", "broken", "goldfinch"]),
    ],
)
def test_sort(order: str, files: list[str], page: Browser) -> None:
    type_in(page, "sort", order, "change")
    assert shown(page) == [f"photos/{file}.jpg" for file in files]


@pytest.mark.parametrize("width", [360, 700, 1200])
def test_no_sideways_scrolling(
    width: int, browser: Browser, provenance: Provenance, blue_tit: Result, hostile: list[Result], tmp_path: Path
) -> None:
    long = replace(blue_tit, source="x" * 300 + ".jpg")
    write(tmp_path / "o.html", replace(provenance, model="m" * 200), long, *hostile)
    browser.resize(width, 800)
    browser.open(tmp_path / "o.html")
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_hostile_names_stay_text(
    browser: Browser, provenance: Provenance, hostile: list[Result], tmp_path: Path
) -> None:
    write(tmp_path / "o.html", provenance, *hostile)
    browser.open(tmp_path / "o.html")
    names = browser.run("return [...document.querySelectorAll('.card h2')].map(h => h.textContent.trim())")
    assert names == [visible(result.explanation.winner, keep="\n").strip() for result in hostile]
    assert browser.run("return document.scripts.length") == 1
    assert browser.log() == []


def test_an_injected_script_would_not_run(browser: Browser, provenance: Provenance, tmp_path: Path) -> None:
    write(tmp_path / "o.html", provenance)
    page = (tmp_path / "o.html").read_text("utf-8")
    (tmp_path / "o.html").write_text(page.replace("</main>", "<script>window.ran = 1</script></main>"), "utf-8")
    browser.open(tmp_path / "o.html")
    assert browser.run("return window.ran") is None
    assert any("Content Security Policy" in line["message"] for line in browser.log())
