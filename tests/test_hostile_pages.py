"""Pages with hostile names, descriptors, file names, model names and answers of language models, in headless Chromium.

No script of theirs runs, nothing is requested, nothing is logged as an error, and no character moves or hides text.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bioclip_x.records import PluginInUse, Provenance, Result
from bioclip_x_plugins.reports.html.report import HtmlReport
from card_rows import make_park, make_row, open_catalogue
from helpers import picture
from hostile.areas.names import NAMES, make_drawing
from plugins.reports.conftest import BLUE_TIT, GREAT_TIT, contributions_of, explained, jpeg, poisoned, prediction

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

LONG = "n" * 10_000
HOSTILE = (*NAMES.values(), LONG, "\udce9\udcff", "a\rb\nc")
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
READ = """() => {
  const shown = [document.title, document.body.innerText];
  for (const one of document.querySelectorAll("[title], [alt], [aria-label], title")) {
    shown.push(one.getAttribute("title"), one.getAttribute("alt"), one.getAttribute("aria-label"), one.textContent);
  }
  return shown.filter(Boolean).join("\\n");
}"""
OPEN_ALL = """() => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  dispatchEvent(new Event("beforeprint"));
}"""
TOUCH = """() => {
  for (const one of document.querySelectorAll("body *")) {
    for (const kind of ["mouseover", "mouseenter", "focus", "pointerover"]) one.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@contextmanager
def watched(browser: Any, address: str) -> Iterator[Any]:
    """Opens a page; when the block ends, nothing may have gone wrong on it."""
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    origin = address.partition("/?")[0]
    page.on("console", lambda one: one.type in ("error", "warning") and wrong.append(one.text))
    page.on("pageerror", lambda one: wrong.append(str(one)))
    page.on("dialog", lambda one: (wrong.append("dialog"), one.dismiss()))
    page.on("popup", lambda one: wrong.append("popup"))

    def note_request(request: Any) -> None:
        if not request.url.startswith(("data:", "blob:", origin)):
            wrong.append(f"request: {request.url}")

    page.on("request", note_request)
    page.on("response", lambda one: one.status >= 400 and wrong.append(f"{one.status}: {one.url}"))
    page.goto(address)
    yield page
    page.evaluate(OPEN_ALL)
    page.evaluate(TOUCH)
    page.wait_for_timeout(1000)  # for answers to what was touched
    active = "base, iframe, object, embed, meta[http-equiv=refresh]"
    assert page.evaluate(f"[typeof window.hostile, document.querySelectorAll('{active}').length]") == ["undefined", 0]
    assert page.url.partition("#")[0].partition("?")[0].rstrip("/") == origin.partition("?")[0].rstrip("/")
    links = page.evaluate("[...document.querySelectorAll('[href]')].map((one) => one.href.baseVal ?? one.href)")
    assert [one for one in links if not one.startswith(("#", "data:", origin))] == []
    found = CONTROLS.search(page.evaluate(READ))
    assert not found, ascii(found)
    context.close()
    assert wrong == []


def make_result() -> Result:
    """An image that is named and explained."""
    won = contributions_of(0, 1, "descriptor", ("a blue cap", 0.34), ("white cheeks", 0.27))
    lost = contributions_of(1, -1, "descriptor", ("a black cap", 0.15))
    return Result(
        "photos/blue tit.jpg",
        predictions=(prediction(BLUE_TIT, 1.0, 1.0, 0.998, 0.971, 0.62, 0.59, 0.58),),
        explanation=explained(BLUE_TIT, GREAT_TIT, won + lost, rest=0.25),
        width=640,
        height=480,
        thumbnail=jpeg(),
    )


def make_provenance(text: str) -> Provenance:
    return Provenance(
        version="0.1.0", model=text, revision=text, demo=text, taxonomy=text, n_classes=2, n_prompts=2,
        recipe={"model": text, "language": "en", "labels": [text], text: text}, notes=(text, *HOSTILE), ranks=("species",),
        plugins=(PluginInUse(text, "", "", text),), probabilities=text,
    )  # fmt: skip


def test_a_report(browser: Any, tmp_path: Path) -> None:
    results = [poisoned(text, make_result()) for text in HOSTILE]
    refused = [Result(text, refused=text, notes=(text,), metadata={text: text}) for text in HOSTILE]
    failed = [Result(text, error=text) for text in HOSTILE]
    with HtmlReport(title=HOSTILE[12], metadata=True).open(tmp_path / "o.html", make_provenance(HOSTILE[11])) as writer:
        for result in (*results, *refused, *failed):
            writer.write(result)
    with watched(browser, (tmp_path / "o.html").as_uri()) as page:
        assert page.locator("article.card").count() == 3 * len(HOSTILE)
        kinds = page.evaluate("[...document.scripts].map((script) => script.type)")
        assert kinds == ["application/json", ""]


@pytest.mark.parametrize("text", [NAMES["end-script"], NAMES["end-style"], NAMES["attribute"], NAMES["base"], LONG])
def test_a_report_of_a_hostile_model(browser: Any, text: str, tmp_path: Path) -> None:
    with HtmlReport(title=text).open(tmp_path / "o.html", make_provenance(text)) as writer:
        writer.write(poisoned(text, make_result()))
    with watched(browser, (tmp_path / "o.html").as_uri()) as page:
        assert json.loads(page.locator("#provenance").text_content())["model"] == text


def test_a_page_of_an_evaluation(browser: Any, tmp_path: Path) -> None:
    kinds = ("image-error", "svg-load", "attribute", "template", "override", "escape", "entity", "zero-width")
    names = [NAMES[kind].replace("/", "_") for kind in kinds]
    for i, name in enumerate(names):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / f"{names[i - 1]}.png").write_bytes(make_drawing())
    (tmp_path / "labels.txt").write_text("\n".join(names), "utf-8")
    run(tmp_path, "evaluate", "set", "--labels", "labels.txt", "--report", "o.html", "--output", "o.csv")
    with watched(browser, (tmp_path / "o.html").as_uri()) as page:
        assert page.locator("svg.matrix").count() >= 1


def test_a_card_of_a_data_set(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="building data sets needs the extra `dataset`")
    from bioclip_x.dataset.card.facts import collect_facts
    from bioclip_x.dataset.card.page import format_page
    from bioclip_x.dataset.output.catalogue import count_images

    texts = [text for text in HOSTILE if "\udce9" not in text and "\x00" not in text]
    columns = ("family", "genus", "species", "name", "rights_holder", "licence", "reason", "conflict", "taxonomy")
    rows = [make_row(i, **dict.fromkeys(columns, text)) for i, text in enumerate(texts)]
    connection = open_catalogue(rows)
    facts = collect_facts(connection, make_park(title=NAMES["end-style"]), count_images(connection), tmp_path)
    (tmp_path / "card.html").write_text(format_page(facts), "utf-8")
    with watched(browser, (tmp_path / "card.html").as_uri()) as page:
        assert page.locator("svg.map").count() == 2


def test_a_page_of_duplicates(browser: Any, tmp_path: Path) -> None:
    from bioclip_x.dataset.duplicates.columns import DUPLICATES
    from bioclip_x.dataset.duplicates.pages import write_page

    def describe(row: int) -> dict[str, str]:
        text = HOSTILE[row % len(HOSTILE)]
        return {"name": text, "taxon": text, text: text}

    rows = {
        "row": list(range(1, len(HOSTILE))),
        "kept": [0] * (len(HOSTILE) - 1),
        "distance": [1.0] * (len(HOSTILE) - 1),
    }
    write_page(
        tmp_path / "o.html", pa.table(rows, schema=DUPLICATES), title=NAMES["end-title"], threshold=NAMES["override"],
        open_image=lambda row: picture(row) if row % 2 else None, describe=describe, n_shown=60,
    )  # fmt: skip
    with watched(browser, (tmp_path / "o.html").as_uri()) as page:
        assert page.locator("article.group").count() > 20


def test_the_app(browser: Any, tmp_path: Path) -> None:
    """Names of the list of species, descriptors such as a language model writes, and file names are hostile."""
    for module in ("uvicorn", "starlette", "python_multipart"):
        pytest.importorskip(module, reason="the app's extra is not installed")
    kinds = ("script", "svg-load", "attribute", "end-script", "template", "zero-width", "override", "base")
    with (tmp_path / "birds.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["family", "species", "common_name"])
        writer.writerows([f"Family {NAMES[kind]}", f"Aves {NAMES[kind]}", NAMES[kind]] for kind in kinds)
    descriptors = {f"Aves {NAMES[kind]}": {"descriptor": [NAMES[kind], "a black cap"]} for kind in kinds}
    document = {"format": "bioclip-x/descriptors/1", "style": "bare", "classes": descriptors}
    (tmp_path / "d.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "bioclip_x", "app", "--no-browser", "--quiet", "--taxonomy", "birds.csv"]
    command += ["--descriptors", "d.json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            address = running.stdout.readline().strip()
            with watched(browser, address) as page:
                page.locator("#model option").first.wait_for(state="attached")
                names = [f"{NAMES[kind]}.png" for kind in kinds]
                content = make_drawing()
                page.set_input_files(
                    "#photos", [{"name": name, "mimeType": "image/png", "buffer": content} for name in names]
                )
                page.locator(".thumb:not([data-state=waiting])").nth(len(names) - 1).wait_for(timeout=60_000)
                page.click("#strip li:nth-child(1) button")
                page.locator(".slot.selected .card").wait_for()
                page.fill("#phrase", NAMES["image-error"])
                page.locator(".figures").wait_for()
                page.locator(".bench [role=combobox]").first.fill("Aves")
                page.locator("[role=option]").first.wait_for()
                page.keyboard.press("ArrowDown")
                page.keyboard.press("Enter")
                page.locator(".current", has_text="In the file").wait_for()
        finally:
            running.terminate()
            running.communicate(timeout=30)


def run(folder: Path, *arguments: str) -> None:
    """Runs the command line within a folder."""
    done = subprocess.run([sys.executable, "-m", "bioclip_x", *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_watch_sees_what_is_wrong(browser: Any, tmp_path: Path) -> None:
    """A page that runs a name, asks for something or hides a character fails."""
    for content in (
        "<script>window.hostile = 1</script>",
        "<img src=http://127.0.0.1:9/x.png>",
        "<p>gpj\u202eexe</p>",
        "<base href=x>",
    ):
        (tmp_path / "o.html").write_text(f"<!doctype html><meta charset=utf-8><title>t</title>{content}", "utf-8")
        with pytest.raises(AssertionError), watched(browser, (tmp_path / "o.html").as_uri()):
            pass
