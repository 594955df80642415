"""The page in headless Chromium: by keyboard and by mouse, light and dark, on a phone, with many photos and hostile names."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.app.conftest import DRAWINGS

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("uvicorn", reason="the app's extra is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

PHOTOS = sorted(DRAWINGS.glob("*.png"))
HOSTILE = ("<img src=x onerror=alert(1)>.png", f"{'n' * 250}.png", "gpj.\u202eexe.png")

ACTIVE_OPTION = """() => {
  const option = document.getElementById(document.activeElement.getAttribute("aria-activedescendant"));
  return option.getAttribute("aria-selected");
}"""
UNNAMED = """() => [...document.querySelectorAll("button, input:not([type=file]), select, a, img")].filter((one) => {
  if (one.tagName === "IMG") return one.getAttribute("alt") === null;
  const names = [one.getAttribute("aria-label"), one.textContent, one.labels?.[0]?.textContent];
  return !names.some((name) => name?.trim());
}).map((one) => one.outerHTML)"""
"""Elements without a name for screen readers."""
FAINT = """() => {
  const read = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const contrast = (one) => {
    let behind = one;
    while (behind && (read(getComputedStyle(behind).backgroundColor)[3] ?? 1) < 1) behind = behind.parentElement;
    const ground = getComputedStyle(behind ?? document.documentElement).backgroundColor;
    const pair = [getComputedStyle(one).color, ground].map((colour) => light(read(colour)));
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  };
  const isShown = (one) => one.offsetParent && one.textContent.trim() && !one.closest(".thumb, [disabled]");
  return [...document.querySelectorAll("p, dt, dd, li, button, label, h1, h2, h3, summary")]
    .filter((one) => isShown(one) && contrast(one) < 4.5)
    .map((one) => `${one.className} ${one.textContent.trim().slice(0, 40)}`);
}"""
"""Text whose contrast to what is behind it is less than 4.5, as in WCAG."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that the command prints, as its only line."""
    folder = tmp_path_factory.mktemp("app")
    command = [sys.executable, "-m", "bioclip_x", "app", "--no-browser", "--quiet"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        yield running.stdout.readline().strip()
        running.terminate()
        running.communicate(timeout=30)


class Tab:
    """A tab on the page, which notes what goes wrong and where requests go."""

    def __init__(self, browser: Any, address: str, **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **context})
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda one: one.type in ("error", "warning") and self.wrong.append(one.text))
        self.page.on("pageerror", lambda one: self.wrong.append(str(one)))
        self.page.on("dialog", lambda one: self.wrong.append(f"dialog: {one.message}"))
        self.page.on("request", lambda one: self.requests.append(one.url))
        self.origin = address.partition("/?")[0]
        self.page.goto(address)
        self.page.locator("#model option").first.wait_for(state="attached")

    def send(self, photos: list[Any], named: int | None = None) -> None:
        """Chooses files; waits until all are done. named: how many thumbnails there are then; all files, if None."""
        self.page.set_input_files("#photos", photos)
        last = (len(photos) if named is None else named) - 1
        done = self.page.locator(".thumb:not([data-state=waiting])")
        done.nth(last).wait_for(timeout=120_000)

    def width(self) -> int:
        found: int = self.page.evaluate("document.documentElement.scrollWidth")
        return found

    def close(self) -> None:
        self.context.close()
        assert not self.wrong
        outside = [one for one in self.requests if not one.startswith((self.origin, "data:", "blob:"))]
        assert not outside


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Tab]:
    clear(address)
    opened = Tab(browser, address)
    yield opened
    opened.close()


def clear(address: str) -> None:
    """Removes the photos of an earlier test."""
    page, _, query = address.partition("?")
    httpx.post(f"{page}api/clear?{query}", content="{}").raise_for_status()


def test_by_mouse(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    tab.send(PHOTOS)
    assert page.locator("#demo").is_visible() and page.locator(".card .demo-tag").first.is_visible()
    page.click(f"#strip li:nth-child({_place('amanita-muscaria')}) button")
    card = page.locator(".slot.selected .card")
    card.wait_for()
    assert card.locator("h2").inner_text() == "Amanita muscaria"
    page.locator(".bench-title", has_text="amanita-muscaria.png").wait_for()

    page.fill("#phrase", "white spots on the cap")
    page.locator(".figures").wait_for()
    assert page.locator(".look canvas").count() == 1 and card.locator(".frame canvas").count() == 1
    assert page.locator(".figures dd").count() == 5

    before = card.locator(".share b").inner_text()
    text = card.locator(".strike").first.inner_text()
    card.locator(".strike").first.click()
    page.locator(".slot.selected .changed").wait_for()
    assert page.locator(".slot.selected .chips s").inner_text() == text
    assert text not in page.locator(".slot.selected .sides").inner_text()
    page.click(".slot.selected .chips button")
    page.locator(".slot.selected .changed").wait_for(state="detached")
    assert page.locator(".slot.selected .share b").inner_text() == before

    page.click(".confirm")
    page.locator(".thumb[aria-current].labelled").wait_for()
    page.click("text=Compare with another photo…")
    page.click(f"#strip li:nth-child({_place('amanita-phalloides')}) button")
    page.locator("dialog[open] .card").nth(1).wait_for()
    assert page.locator("dialog h2 >> nth=1").inner_text() == "Amanita muscaria"
    page.click("dialog >> text=Close")
    page.click("#export-menu summary")
    with page.expect_download() as saved:
        page.click("#exports >> text=CSV")
    saved.value.save_as(tmp_path / "saved.csv")
    assert "Amanita muscaria" in (tmp_path / "saved.csv").read_text()


def _place(name: str) -> int:
    return [one.stem for one in PHOTOS].index(name) + 1


def test_by_keyboard(tab: Tab) -> None:
    page = tab.page
    tab.send(PHOTOS[:4])
    page.locator(".slot.selected").wait_for()
    page.locator("#strip button[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    page.locator(".bench-title", has_text=PHOTOS[1].name).wait_for()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    page.locator(".slot.selected .strike").first.focus()
    page.keyboard.press("Enter")
    page.locator(".slot.selected .changed").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "put back"
    page.keyboard.press("Enter")
    page.locator(".slot.selected .changed").wait_for(state="detached")

    page.locator(".bench h2").click()
    page.keyboard.press("/")
    page.keyboard.type("a long bill")
    page.locator(".figures").wait_for()
    name = page.locator(".bench [role=combobox]").first
    name.focus()
    page.keyboard.type("turd")
    page.locator("[role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(ACTIVE_OPTION) == "true"
    page.keyboard.press("Enter")
    page.locator(".current", has_text="In the file").wait_for()
    page.locator(".thumb[aria-current].labelled").wait_for()
    why_not = page.locator(".bench [role=combobox]").nth(1)
    why_not.focus()
    page.keyboard.type("Parus major")
    page.keyboard.press("Enter")
    page.locator(".slot.selected .why h3", has_text="as asked").wait_for()
    page.locator(".bench .put-back").first.focus()
    page.keyboard.press("Enter")
    page.locator(".thumb[aria-current].labelled").wait_for(state="detached")


def test_everything_has_a_name_for_screen_readers(tab: Tab) -> None:
    page = tab.page
    tab.send(PHOTOS[:2])
    page.locator(".slot.selected .card").wait_for()
    unnamed = page.evaluate(UNNAMED)
    assert unnamed == []
    assert page.locator("[role=alert]").count() == 1 and page.locator("main").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible(browser: Any, address: str, scheme: str) -> None:
    """WCAG's contrast of 4.5, of all text that is visible, against the page or the card behind it."""
    clear(address)
    tab = Tab(browser, address, color_scheme=scheme)
    tab.send(PHOTOS[:2])
    tab.page.locator(".slot.selected .card").wait_for()
    faint = tab.page.evaluate(FAINT)
    assert faint == []
    tab.close()


def test_a_phone_is_wide_enough(browser: Any, address: str) -> None:
    clear(address)
    tab = Tab(browser, address, viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce")
    names = [PHOTOS[0].name, PHOTOS[1].name, *HOSTILE]
    tab.send([{"name": name, "mimeType": "image/png", "buffer": PHOTOS[0].read_bytes()} for name in names])
    tab.page.locator(".slot.selected .card").wait_for()
    assert tab.width() <= 390
    tab.page.tap("#strip li:nth-child(2) button")
    tab.page.locator(".slot.selected + .bench").wait_for()
    tab.page.fill("#phrase", "rusty red wings and a long phrase that goes on and on")
    tab.page.locator(".figures").wait_for()
    tab.page.evaluate("document.querySelector('.slot:last-of-type').scrollIntoView()")
    tab.page.locator(".slot:last-of-type .card").wait_for()
    assert tab.width() <= 390
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.thumb')).animationName") == "none"
    tab.close()


def test_hostile_names_stay_text(tab: Tab) -> None:
    page = tab.page
    content = PHOTOS[0].read_bytes()
    tab.send([{"name": name, "mimeType": "image/png", "buffer": content} for name in HOSTILE])
    page.locator(".slot .card").nth(2).wait_for()
    shown = page.locator(".card .file").all_inner_texts()
    assert shown[0] == HOSTILE[0] and "…" in shown[1] and "\u202e" not in "".join(shown)
    assert page.locator("img[src='x']").count() == 0
    page.fill("#phrase", "<img src=x onerror=alert(2)>")
    page.locator(".figures").wait_for()
    page.locator(".bench [role=combobox]").first.fill("<b>no</b>")
    page.keyboard.press("Enter")
    page.locator(".current", has_text="<b>no</b>").wait_for()
    assert page.locator("img[src='x']").count() == 0


def test_a_thousand_photos_stay_responsive(tab: Tab) -> None:
    page = tab.page
    photos = []
    for number in range(1000):
        stream = io.BytesIO()
        Image.new("RGB", (24, 24), (number % 256, number // 4, 128)).save(stream, "PNG")
        photos.append({"name": f"photo-{number}.png", "mimeType": "image/png", "buffer": stream.getvalue()})
    page.set_input_files("#photos", photos)
    page.locator(".thumb").nth(20).wait_for(timeout=60_000)
    page.locator("#strip").evaluate("(strip) => strip.scrollTo(0, 0)")  # while they come
    page.locator(".thumb:not([data-state=waiting])").nth(999).wait_for(timeout=240_000, state="attached")
    assert page.locator(".slot").count() == 1000 and page.locator(".slot .card").count() <= 80
    begun = time.monotonic()
    page.locator("#strip button[tabindex='0']").focus()
    page.keyboard.press("End")
    page.locator(".slot.selected .card").wait_for()
    page.locator(".bench-title", has_text="photo-999.png").wait_for()
    until = time.monotonic() + 5
    while page.evaluate("document.querySelector('.slot.selected').getBoundingClientRect().top") > 700:
        assert time.monotonic() < until, "the selected card is out of sight"
        page.wait_for_timeout(50)
    assert time.monotonic() - begun < 10
    for _ in range(40):
        page.mouse.wheel(0, -6000)
        page.wait_for_timeout(20)
    page.fill("#find", "photo-77")
    page.locator(".slot:not([hidden])").nth(10).wait_for(state="attached")
    assert page.locator("#strip li:not([hidden])").count() == 11
    assert page.locator(".slot .card").count() <= 140


def test_removing_all_empties_a_phones_page_too(browser: Any, address: str) -> None:
    clear(address)
    tab = Tab(browser, address, viewport={"width": 390, "height": 844})
    tab.send(PHOTOS[:2])
    tab.page.locator(".slot.selected + .bench").wait_for()
    tab.page.wait_for_timeout(300)
    clear(address)
    tab.page.locator("#bar").wait_for(state="hidden")
    assert tab.page.locator(".slot, .thumb").count() == 0
    tab.send(PHOTOS[2:3])
    tab.page.locator(".slot.selected + .bench").wait_for()
    tab.close()
