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

from bioclip_x.records import HeatMap, Provenance, Remainder, Result
from bioclip_x_plugins.reports.html.report import HtmlReport
from bioclip_x_plugins.reports.result_text import escape_controls

ENTER, ESCAPE, UP, DOWN, LEFT, RIGHT = "\ue007", "\ue00c", "\ue013", "\ue015", "\ue012", "\ue014"

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
        # A page without a window to itself has no focus, and no focus events.
        focused = {"cmd": "Emulation.setFocusEmulationEnabled", "params": {"enabled": True}}
        self._call("POST", "/goog/cdp/execute", focused)

    def open(self, path: Path) -> None:
        """Comes back when the page is complete; chromedriver may do so before, with a large one."""
        self._call("POST", "/url", {"url": path.as_uri()})
        until = time.monotonic() + 60
        while self.run("return [location.href, document.readyState]") != [path.as_uri(), "complete"]:
            assert time.monotonic() < until, f"{path} is not complete"
            time.sleep(0.05)

    def run(self, script: str, *arguments: Any) -> Any:
        return self._call("POST", "/execute/sync", {"script": script, "args": arguments})

    def log(self) -> list[dict[str, Any]]:
        return self._call("POST", "/se/log", {"type": "browser"})

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def emulate(self, media: str = "", **features: str) -> None:
        """A medium ("print"), and what a page may ask of it, such as prefers_color_scheme="dark"."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        params = {"media": media, "features": wanted}
        self._call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": params})

    def press(self, key: str) -> None:
        """A key, by the code points that WebDriver gives to those without a character."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

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


def rows(browser: Browser) -> list[str]:
    return browser.run(
        "return [...document.querySelectorAll('#rows tr')].filter(r => !r.hidden).map(r => r.dataset.file)"
    )


def mapped(result: Result) -> Result:
    """With a map for each of its texts, of the middle half of the image."""
    assert result.explanation
    shares = tuple(
        replace(share, heat_map=HeatMap(((0.1, place / 10), (0.2, 0.3)), (0.25, 0.0, 0.75, 1.0), "by hand", True))
        for place, share in enumerate(result.explanation.contributions)
    )
    return replace(result, explanation=replace(result.explanation, contributions=shares))


def type_in(browser: Browser, element: str, value: str, event: str) -> None:
    browser.run(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(arguments[2], {bubbles: true}))", element, value, event
    )  # fmt: skip


def test_no_errors_and_pictures_decoded(page: Browser) -> None:
    assert page.log() == []
    assert page.run("return !document.getElementById('tools').hidden")
    page.run("document.querySelector('.frame img').loading = 'eager'")
    assert page.run("return document.querySelector('.frame img').naturalWidth") == 64


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
        ("file-down", ["goldfinch", "broken", "blue tit"]),
        ("name", ["goldfinch", "blue tit", "broken"]),
        ("name-down", ["blue tit", "goldfinch", "broken"]),
        ("share", ["blue tit", "goldfinch", "broken"]),
        ("share-down", ["goldfinch", "blue tit", "broken"]),
        ("margin", ["goldfinch", "blue tit", "broken"]),
        ("margin-down", ["blue tit", "goldfinch", "broken"]),
        ("", ["blue tit", "broken", "goldfinch"]),
    ],
)
def test_sort(order: str, files: list[str], page: Browser) -> None:
    type_in(page, "sort", order, "change")
    assert shown(page) == rows(page) == [f"photos/{file}.jpg" for file in files]


def test_headers_sort_and_say_so(page: Browser) -> None:
    header = "const h = document.querySelector('th[data-key=share]');"
    said = []
    for _ in range(3):
        page.run(header + "h.querySelector('button').click()")
        said.append((page.run(header + "return h.getAttribute('aria-sort')"), [file[7:-4] for file in rows(page)]))
    assert said == [
        ("descending", ["goldfinch", "blue tit", "broken"]),
        ("ascending", ["blue tit", "goldfinch", "broken"]),
        (None, ["blue tit", "broken", "goldfinch"]),
    ]


def test_a_taxon_found_is_looked_up(
    browser: Browser, provenance: Provenance, blue_tit: Result, goldfinch: Result, tmp_path: Path
) -> None:
    write(tmp_path / "o.html", provenance, blue_tit, goldfinch, blue_tit)
    browser.open(tmp_path / "o.html")
    browser.run("document.querySelectorAll('[data-find]')[1].click()")
    assert rows(browser) == shown(browser) == ["photos/goldfinch.jpg"]


def test_keys(page: Browser) -> None:
    focus = "return document.activeElement.closest('tr')?.dataset.card ?? document.activeElement.id"
    page.run("document.querySelector('#rows a').focus()")
    seen = []
    for key in (UP, DOWN, DOWN, ENTER, RIGHT, LEFT, LEFT):
        page.press(key)
        seen.append(page.run(focus))
    assert seen == ["picture-1", "picture-2", "picture-3", "picture-3", "picture-3", "picture-2", "picture-1"]
    assert page.run("return [document.activeElement.tagName, location.hash]") == ["ARTICLE", "#picture-1"]
    type_in(page, "find", "goldfinch", "input")
    page.run("document.getElementById('find').focus()")
    page.press(ESCAPE)
    assert len(shown(page)) == 3
    assert page.log() == []


def test_steps_follow_what_is_shown(page: Browser) -> None:
    type_in(page, "sort", "share-down", "change")
    type_in(page, "find", "passeriformes", "input")
    page.run("document.querySelector('#picture-3 [data-step=\"1\"]').click()")
    assert page.run("return document.activeElement.id") == "picture-1"


def test_heat_maps_lie_over_the_picture(
    browser: Browser, provenance: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    write(tmp_path / "o.html", provenance, mapped(blue_tit))
    browser.open(tmp_path / "o.html")
    over = "return document.querySelector('.frame .veil')?.src"
    veils = browser.run("return [...document.querySelectorAll('.mini .veil')].map(v => v.src)")
    assert len(veils) == 6 and browser.run(over) is None
    point = "document.querySelectorAll('.mapped')[arguments[0]].dispatchEvent(new PointerEvent(arguments[1], {bubbles: true}))"
    browser.run(point, 1, "pointerover")
    assert browser.run(over) == veils[1]
    assert browser.run(
        "const [a, b] = ['.frame', '.frame .veil'].map(s => document.querySelector(s).getBoundingClientRect());"
        "return [b.width / a.width, b.height / a.height]"
    ) == pytest.approx([0.5, 1], abs=0.02)  # fmt: skip
    browser.run(point, 1, "pointerout")
    assert browser.run(over) is None
    pressed = "return [...document.querySelectorAll('.mini')].map(m => m.ariaPressed).indexOf('true')"
    browser.run("document.querySelectorAll('.mini')[2].focus()")
    assert browser.run(over) == veils[2] and browser.run(pressed) == -1
    browser.press(ENTER)
    browser.run("document.activeElement.blur()")
    assert browser.run(over) == veils[2] and browser.run(pressed) == 2
    browser.press(ESCAPE)
    assert browser.run(over) is None and browser.run(pressed) == -1
    assert browser.log() == []


def test_a_thousand_pictures(
    browser: Browser, provenance: Provenance, blue_tit: Result, goldfinch: Result, tmp_path: Path
) -> None:
    many = [replace(goldfinch if number == 700 else blue_tit, source=f"{number}.jpg") for number in range(1, 1001)]
    write(tmp_path / "o.html", provenance, *many)
    browser.resize(1200, 800)
    browser.open(tmp_path / "o.html")
    unset = "return document.querySelectorAll('.card > noscript').length"
    assert len(rows(browser)) == 1000 and browser.run(unset) > 900
    type_in(browser, "find", "carduelis 700", "input")
    assert rows(browser) == shown(browser) == ["700.jpg"]
    browser.run("document.querySelector('#rows tr:not([hidden])').click()")
    assert browser.run("return document.querySelector('#picture-700 h2').textContent.trim()") == "Carduelis carduelis"
    type_in(browser, "find", "", "input")
    type_in(browser, "sort", "share-down", "change")
    assert rows(browser)[0] == shown(browser)[0] == "700.jpg" and len(shown(browser)) == 1000
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(unset) == 0 and browser.log() == []


def test_print_and_dark(browser: Browser, provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    write(tmp_path / "o.html", replace(provenance, demo="drawings only"), blue_tit, blue_tit)
    browser.open(tmp_path / "o.html")
    look = (
        "const [paper, tools, demo] = ['html', '.tools', '.demo'].map(s => getComputedStyle(document.querySelector(s)));"
        "return [paper.backgroundColor, tools.display, demo.display]"
    )  # fmt: skip
    try:
        browser.emulate("print")
        assert browser.run(look) == ["rgb(255, 255, 255)", "none", "block"]
        browser.emulate("screen", prefers_color_scheme="dark")
        dark = browser.run(look)
        browser.emulate("screen", prefers_color_scheme="light")
        assert dark[0] != browser.run(look)[0] and dark[1:] == browser.run(look)[1:] == ["flex", "block"]
    finally:
        browser.emulate()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str, browser: Browser, provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    write(tmp_path / "o.html", provenance, blue_tit)
    browser.open(tmp_path / "o.html")
    pairs = [(text, ground) for text in ("ink", "soft", "accent", "minus", "plus") for ground in ("card", "mat")]
    pairs += [("ink", "paper"), ("soft", "paper"), ("minus", "paper"), ("accent", "paper"), ("warn-ink", "warn")]
    read = "const s = getComputedStyle(document.documentElement); return arguments[0].map(n => s.getPropertyValue('--' + n))"
    try:
        browser.emulate("screen", prefers_color_scheme=scheme)
        for pair in pairs:
            light, dark = sorted(map(luminance, browser.run(read, pair)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, pair
    finally:
        browser.emulate()


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour.strip()[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


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
    write(tmp_path / "o.html", provenance, *map(poisoned_why, hostile))
    browser.open(tmp_path / "o.html")
    names = browser.run("return [...document.querySelectorAll('.card h2')].map(h => h.textContent.trim())")
    said = [escape_controls(result.explanation.winner, keep="\n").strip() for result in hostile]
    assert names == said
    for part in (".side .phrase bdi:first-child", ".owner bdi", ".sum dt > bdi"):
        texts = browser.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", part)
        assert set(said) <= set(texts)
    kinds = browser.run("return [...document.scripts].map(script => script.type)")
    assert kinds == ["application/json", ""]  # the provenance, which is data, and ours
    assert browser.run("return document.querySelectorAll('.card [onerror], .card [onclick]').length") == 0
    assert browser.log() == []


def test_hostile_names_can_be_looked_up(
    browser: Browser, provenance: Provenance, hostile: list[Result], tmp_path: Path
) -> None:
    write(tmp_path / "o.html", provenance, *hostile)
    browser.open(tmp_path / "o.html")
    type_in(browser, "find", "onerror=alert(2)>", "input")
    assert len(rows(browser)) == 1


def poisoned_why(result: Result) -> Result:
    """With the winner's name for whatever else an explanation can say."""
    assert result.explanation
    text = result.explanation.winner
    shares = tuple(
        replace(share, taxon=text, rank=text, kind=text) for share in mapped(result).explanation.contributions
    )  # type: ignore[union-attr]
    left = (Remainder(text, 1.0, text),)
    return replace(
        result, explanation=replace(result.explanation, contributions=shares, remainders=left, is_asked_for=True)
    )


def test_an_injected_script_would_not_run(browser: Browser, provenance: Provenance, tmp_path: Path) -> None:
    write(tmp_path / "o.html", provenance)
    page = (tmp_path / "o.html").read_text("utf-8")
    (tmp_path / "o.html").write_text(page.replace("</main>", "<script>window.ran = 1</script></main>"), "utf-8")
    browser.open(tmp_path / "o.html")
    assert browser.run("return window.ran") is None
    assert any("Content Security Policy" in line["message"] for line in browser.log())
