"""Images that the field guide's gate should refuse: doodles, charts, screenshots, and drawings by other hands.

    python benchmarks/field_guide/other_pictures.py FOLDER [--count 100] [--seed 7] [--packages PATH] [--drawings PATH]

Writes FOLDER/doodles, FOLDER/charts, … as PNG, `count` in each, the same for the same seed and the same versions. What a
folder needs and cannot find is said, and the folder left out:

    charts        matplotlib                         pip install '.[bench]'
    screenshots   Chromium or Chrome                 apt-get install chromium
    noto-emoji    the font Noto Color Emoji          apt-get install fonts-noto-color-emoji
    openclipart   its animals and plants; Chromium   apt-get install openclipart-svg
    openmoji      its animals and plants; Chromium   npm install openmoji

The last three are other people's drawings and not part of the project: they are read where their packages are installed
(/usr/share and ./node_modules, or --packages), and a SOURCE.json beside the images says which package, version and
licence each is from. --drawings adds a folder of PNG and SVG files of your own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from others import chromium
from others.charts import chart
from others.clipart import clipart
from others.doodles import doodle
from others.origins import Collection, folder, installed
from others.screenshots import screenshots
from PIL import Image

ROOTS = (Path("/usr/share"), Path("node_modules"))
MADE = ("doodles", "charts", "screenshots")
PACKAGED = ("noto-emoji", "openclipart", "openmoji")


def save(pictures: Iterable[Image.Image], into: Path) -> str:
    """As 000.png, 001.png, …, in a folder that is made; what was done."""
    into.mkdir(parents=True)
    written = 0
    for written, picture in enumerate(pictures, 1):
        picture.save(into / f"{written - 1:03d}.png")
    return f"{written} images"


def save_clipart(collection: Collection, browser: str | None, seed: int, count: int, into: Path) -> str:
    """With the SOURCE.json; what was done."""
    made = list(clipart(collection, browser, seed, count))
    if not made:
        return "left out: none of the drawings could be rendered; SVG needs Chromium: apt-get install chromium"
    done = save((picture for _, picture in made), into)
    source = {"package": collection.package, "version": collection.version, "licence": collection.licence}
    drawings = {f"{index:03d}.png": name for index, (name, _) in enumerate(made)}
    text = json.dumps({**source, "drawings": drawings}, indent=2, ensure_ascii=False)
    (into / "SOURCE.json").write_text(text + "\n", "utf-8")
    return f"{done} from {collection.package} {collection.version}, {collection.licence}"


def write(target: Path, count: int, seed: int, collections: Iterable[Collection]) -> Iterator[str]:
    """Every folder; a line about each."""
    yield "doodles: " + save((doodle(seed, index) for index in range(count)), target / "doodles")
    if importlib.util.find_spec("matplotlib"):
        yield "charts: " + save((chart(seed, index) for index in range(count)), target / "charts")
    else:
        yield "charts: left out: needs matplotlib: pip install '.[bench]'"
    browser = chromium.find()
    if browser:
        yield "screenshots: " + save(screenshots(browser, seed, count), target / "screenshots")
    else:
        yield "screenshots: left out: needs Chromium: apt-get install chromium"
    for collection in collections:
        into = target / collection.name
        yield f"{collection.name}: " + save_clipart(collection, browser, seed, count, into)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    parser.add_argument("--count", type=int, default=100, help="images of each kind")
    parser.add_argument("--seed", type=int, default=7, help="0 or more")
    parser.add_argument("--packages", type=Path, action="append", default=[], help="where packages lie, too")
    parser.add_argument("--drawings", type=Path, action="append", default=[], help="a folder of PNG and SVG files")
    options = parser.parse_args(arguments)
    target: Path = options.folder
    if options.count < 1 or options.seed < 0:
        parser.error("expected a count of 1 or more and a seed of 0 or more")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        parser.error(f"expected a new or empty folder, so that nothing else is measured with it, and {target} is not")
    collections = [*installed([*options.packages, *ROOTS]), *map(folder, options.drawings)]
    taken = [collection.name for collection in collections]
    for collection in collections:
        if not collection.drawings:
            parser.error(f"expected PNG or SVG files below {collection.package}, and there are none")
        if taken.count(collection.name) > 1 or collection.name in MADE:
            parser.error(f"expected folders of different names, and {collection.name} is there already")
    for line in write(target, options.count, options.seed, collections):
        print(line, flush=True)
    missing = [name for name in PACKAGED if name not in taken]
    if missing:
        print(f"not installed (see --help): {', '.join(missing)}")


if __name__ == "__main__":
    main()
