"""The images that the gate should refuse: as many as asked for, the same every time, and with their sources named."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

FOLDER = Path(__file__).parents[2] / "benchmarks" / "field_guide"
sys.path.insert(0, str(FOLDER))  # as for a script that is run
try:
    import other_pictures
    from others import chromium, clipart, doodles, origins, screenshots
finally:
    sys.path.remove(str(FOLDER))

BROWSER = chromium.find()
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no browser, no matplotlib and no packages of drawings."""
    monkeypatch.setattr(other_pictures.chromium, "find", lambda: None)
    monkeypatch.setattr(other_pictures.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(other_pictures, "ROOTS", ())


@pytest.fixture
def two_drawings(tmp_path: Path) -> Path:
    """A red and a blue disc, cut out, as PNG."""
    folder = tmp_path / "discs"
    folder.mkdir()
    for name, colour in (("red", (250, 0, 0, 255)), ("blue", (0, 0, 250, 255))):
        disc = Image.new("RGBA", (120, 120))
        ImageDraw.Draw(disc).ellipse((20, 20, 100, 100), fill=colour)
        disc.save(folder / f"{name}.png")
    return folder


def pixels(folder: Path) -> dict[str, bytes]:
    return {file.name: Image.open(file).tobytes() for file in sorted(folder.glob("*.png"))}


def test_nothing_is_shared_with_the_field_guides_own_drawings() -> None:
    for file in (FOLDER / "other_pictures.py", *(FOLDER / "others").glob("*.py")):
        assert not re.search(r"^\s*(from|import) bioclip_x", file.read_text("utf-8"), re.MULTILINE), file


def test_a_doodle_depends_on_its_seed_and_index_alone() -> None:
    first = doodles.doodle(7, 3)
    assert first.tobytes() == doodles.doodle(7, 3).tobytes()
    assert first.tobytes() != doodles.doodle(8, 3).tobytes()
    assert first.tobytes() != doodles.doodle(7, 4).tobytes()


@pytest.mark.parametrize("index", range(12))
def test_a_doodle_shows_something(index: int) -> None:
    drawn = doodles.doodle(7, index)
    assert drawn.mode == "RGB" and min(drawn.size) >= 120 and max(drawn.size) <= 640
    assert np.asarray(drawn.convert("L")).std() > 2


@pytest.mark.parametrize("index", range(12))  # one of each kind
def test_a_chart_is_the_same_again(index: int) -> None:
    pytest.importorskip("matplotlib")
    from others.charts import chart

    drawn = chart(7, index)
    assert drawn.mode == "RGB" and np.asarray(drawn).std() > 2
    assert drawn.tobytes() == chart(7, index).tobytes()


@needs_browser
def test_screenshots_are_the_same_again_and_as_large_as_their_windows() -> None:
    assert BROWSER
    taken, again = ([*screenshots.screenshots(BROWSER, 7, 3)] for _ in range(2))
    assert [shot.tobytes() for shot in taken] == [shot.tobytes() for shot in again]
    assert len(taken) == 3 and all(shot.size in screenshots.WINDOWS for shot in taken)
    assert len({shot.tobytes() for shot in taken}) == 3


@needs_browser
def test_tiles_come_in_order_over_several_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BROWSER
    monkeypatch.setattr(chromium, "SHEET_HEIGHT", 250)
    colours = [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 0, 0)]
    fill = "<div style='width:100%;height:100%;background:rgb({} {} {} / {})'></div>"
    tiles = [chromium.Tile(fill.format(*c[:3], c[3] // 255), 60 + 10 * k, 120) for k, c in enumerate(colours)]
    shots = [*chromium.shots(BROWSER, tiles)]
    assert [shot.size for shot in shots] == [(60, 120), (70, 120), (80, 120)]
    assert [shot.getcolors() for shot in shots] == [
        [(s.width * s.height, c)] for s, c in zip(shots, colours, strict=True)
    ]


@needs_browser
def test_svg_drawings_are_trimmed_and_broken_ones_passed_over(tmp_path: Path) -> None:
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='200'><rect x='50' y='75' width='100' height='50'/></svg>"
    (tmp_path / "box.svg").write_text(svg)
    (tmp_path / "torn.svg").write_text(svg[:60])
    made = [*clipart.clipart(origins.folder(tmp_path), BROWSER, 7, 3)]
    assert [name for name, _ in made] == ["box.svg"] * 3
    ((_, drawing),) = clipart.cut_outs(origins.folder(tmp_path), ["box.svg", "torn.svg"], BROWSER)
    assert drawing.size == (192, 96)  # at 384 pixels a side, of 200


def test_what_is_missing_is_said_and_left_out(tmp_path: Path, bare: None, capsys: pytest.CaptureFixture[str]) -> None:
    other_pictures.main([str(tmp_path / "new"), "--count", "2"])
    said = capsys.readouterr().out
    assert "doodles: 2 images" in said
    assert "charts: left out: needs matplotlib" in said and "screenshots: left out: needs Chromium" in said
    assert "not installed (see --help): noto-emoji, openclipart, openmoji" in said
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["doodles"]
    assert list(pixels(tmp_path / "new" / "doodles")) == ["000.png", "001.png"]


def test_a_folder_of_ones_own_is_laid_on_grounds_and_named(tmp_path: Path, bare: None, two_drawings: Path) -> None:
    for run in ("one", "two"):
        other_pictures.main([str(tmp_path / run), "--count", "5", "--drawings", str(two_drawings)])
    made = tmp_path / "one" / "discs"
    assert pixels(made) == pixels(tmp_path / "two" / "discs") and len(set(pixels(made).values())) == 5
    source = json.loads((made / "SOURCE.json").read_text("utf-8"))
    assert source["package"] == str(two_drawings) and sorted(set(source["drawings"].values())) == [
        "blue.png",
        "red.png",
    ]
    for file, name in source["drawings"].items():
        picture = Image.open(made / file)
        expected = (250, 0, 0) if name == "red.png" else (0, 0, 250)
        assert picture.getpixel((picture.width // 2, picture.height // 2)) == expected


@pytest.mark.parametrize("options", [["--count", "0"], ["--seed", "-1"], ["--drawings", "nowhere"]])
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, bare: None, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        other_pictures.main([str(tmp_path / "new"), *options])
    assert "expected" in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_refused(tmp_path: Path, bare: None, two_drawings: Path) -> None:
    before = pixels(two_drawings)
    with pytest.raises(SystemExit):
        other_pictures.main([str(two_drawings)])
    assert pixels(two_drawings) == before and len(list(two_drawings.iterdir())) == 2


def lay_openmoji(root: Path) -> None:
    (root / "openmoji" / "data").mkdir(parents=True)
    (root / "openmoji" / "color" / "svg").mkdir(parents=True)
    (root / "openmoji" / "package.json").write_text('{"version": "17.0.0", "license": "CC-BY-SA-4.0"}')
    groups = {"1F41D": "animals-nature", "1F697": "travel-places", "1F33B": "animals-nature"}
    listed = [{"hexcode": code, "group": group} for code, group in groups.items()]
    (root / "openmoji" / "data" / "openmoji.json").write_text(json.dumps(listed))
    for code in ("1F41D", "1F697"):
        (root / "openmoji" / "color" / "svg" / f"{code}.svg").write_text("<svg/>")


def lay_openclipart(root: Path) -> None:
    for name in ("animals/bugs/bee.svg", "plants/oak.svg", "office/pen.svg"):
        file = root / "openclipart" / "svg" / name
        file.parent.mkdir(parents=True)
        file.write_text("<svg/>")
    (root / "doc" / "openclipart-svg").mkdir(parents=True)
    with gzip.open(root / "doc" / "openclipart-svg" / "changelog.Debian.gz", "wt", encoding="utf-8") as changes:
        changes.write("openclipart (1:0.18+dfsg-19) unstable; urgency=medium\n")


@pytest.mark.parametrize(
    ("lay", "drawings", "version"),
    [
        (lay_openmoji, ("color/svg/1F41D.svg",), "17.0.0"),
        (lay_openclipart, ("animals/bugs/bee.svg", "plants/oak.svg"), "1:0.18+dfsg-19"),
    ],
)
def test_organisms_of_an_installed_package_are_found(
    tmp_path: Path, lay: Callable[[Path], None], drawings: tuple[str, ...], version: str
) -> None:
    lay(tmp_path)
    (found,) = origins.installed([tmp_path / "nowhere", tmp_path])
    assert (found.drawings, found.version) == (drawings, version)
    assert found.licence


def test_emoji_are_drawn_from_the_font() -> None:
    found = {collection.name: collection for collection in origins.installed([Path("/usr/share")])}
    if "noto-emoji" not in found:
        pytest.skip("needs fonts-noto-color-emoji")
    ((name, picture),) = clipart.clipart(found["noto-emoji"], None, 7, 1)
    assert name in origins.ORGANISMS and np.asarray(picture).std() > 2
