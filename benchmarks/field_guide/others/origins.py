"""Collections of drawings by other hands, found where their packages are installed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ORGANISMS = "".join(
    chr(code)
    for first, last in (
        (0x1F331, 0x1F344),
        (0x1F400, 0x1F43F),
        (0x1F980, 0x1F9AE),
        (0x1FAB0, 0x1FAB4),
        (0x1FAB6, 0x1FABA),
    )
    for code in range(first, last + 1)
)
"""Emoji of animals, plants and fungi in Unicode 14."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Drawings of one origin. name: of the folder they go to. drawings: SVG or PNG files, or characters of the font.
    base: what SOURCE.json names files relative to. font: of a collection of emoji, else None."""

    name: str
    package: str
    version: str
    licence: str
    drawings: tuple[str, ...]
    base: Path
    font: Path | None = None


def installed(roots: Sequence[Path]) -> Iterator[Collection]:
    """Those of the packages in the docstring of other_pictures.py that lie below `roots`: each once, the first found."""
    for find in (_noto, _openclipart, _openmoji):
        found = next((collection for root in roots if (collection := find(root))), None)
        if found:
            yield found


def folder(path: Path) -> Collection:
    """The PNG and SVG files below a folder of the user's own."""
    return Collection(
        path.resolve().name, str(path), "unknown", "unknown: ask whoever drew them", _files(path, path), path
    )


def _noto(root: Path) -> Collection | None:
    font, package = root / "fonts" / "truetype" / "noto" / "NotoColorEmoji.ttf", "fonts-noto-color-emoji"
    if not font.exists():
        return None
    about = f"Debian {package}", _debian_version(root, package), "SIL Open Font License 1.1"
    return Collection("noto-emoji", *about, tuple(ORGANISMS), font.parent, font)


def _openclipart(root: Path) -> Collection | None:
    base, package = root / "openclipart" / "svg", "openclipart-svg"
    drawings = _files(base, base / "animals", base / "plants")
    about = f"Debian {package}", _debian_version(root, package), "public domain (Creative Commons dedication)"
    return Collection("openclipart", *about, drawings, base) if drawings else None


def _openmoji(root: Path) -> Collection | None:
    base = root / "openmoji"
    if not (base / "package.json").exists():
        return None
    listed = json.loads((base / "data" / "openmoji.json").read_text("utf-8"))
    names = (f"color/svg/{emoji['hexcode']}.svg" for emoji in listed if emoji["group"] == "animals-nature")
    drawings = tuple(name for name in names if (base / name).exists())
    package = json.loads((base / "package.json").read_text("utf-8"))
    return Collection("openmoji", "npm openmoji", package["version"], package["license"], drawings, base)


def _files(base: Path, *below: Path) -> tuple[str, ...]:
    """Relative to `base`, in the order of their names."""
    found = (path for part in below for path in part.rglob("*") if path.suffix.lower() in {".svg", ".png"})
    return tuple(sorted(path.relative_to(base).as_posix() for path in found))


def _debian_version(share: Path, package: str) -> str:
    """From the package's changelog, as "openclipart (1:0.18+dfsg-19) unstable; …"; containers often leave those out."""
    try:
        with gzip.open(share / "doc" / package / "changelog.Debian.gz", "rt", encoding="utf-8") as lines:
            return next(lines).partition("(")[2].partition(")")[0]
    except (OSError, StopIteration):
        return "unknown"
