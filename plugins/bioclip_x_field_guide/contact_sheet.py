"""Contact sheets: every species once, or a row of drawings per species."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import count, groupby

from PIL import Image, ImageDraw, ImageFont

from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.painting.scene import make_scene
from bioclip_x_field_guide.species import Species, load_species

PAPER, INK = (250, 247, 238), (60, 48, 40)


def draw_plate(species: Iterable[Species], seed: int = 0, size: int = 144, columns: int = 8) -> Image.Image:
    """Draws every species once, with its name below; each body plan begins a new row."""
    rows = []
    for _, kinds in groupby(species, key=lambda kind: kind.plan):
        plan = list(kinds)
        rows += [plan[i : i + columns] for i in range(0, len(plan), columns)]
    label, gap = max(14, size // 8), 8
    sheet = Image.new("RGB", (columns * (size + gap) + gap, len(rows) * (size + label + gap) + gap), PAPER)
    pen = ImageDraw.Draw(sheet)
    for r, row in enumerate(rows):
        for c, kind in enumerate(row):
            left, top = gap + c * (size + gap), gap + r * (size + label + gap)
            sheet.paste(draw_species(kind.name, _find_home_seed(kind, (seed, r, c)), size).image, (left, top))
            _write_name(pen, kind.name, (left + size / 2, top + size + label / 2), size, label * 0.8)
    return sheet


def _find_home_seed(kind: Species, seed: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the first seed derived from this one that places the species in its own habitat."""
    candidates = ((*seed, k) for k in count())
    return next(candidate for candidate in candidates if make_scene(candidate).habitat(kind.habitat) == kind.habitat)


def _write_name(pen: ImageDraw.ImageDraw, name: str, middle: tuple[float, float], width: int, height: float) -> None:
    """Writes the name centred, in the largest size that fits."""
    font = ImageFont.load_default(size=height)
    length = pen.textlength(name, font=font)
    if length > width:
        font = ImageFont.load_default(size=height * width / length)
    pen.text(middle, name, fill=INK, font=font, anchor="mm")


def draw_contact_sheet(
    species: Iterable[Species], seed: int = 0, per_species: int = 4, size: int = 160, blocks: int = 1
) -> Image.Image:
    """Draws a labelled row of drawings per species, in `blocks` columns of rows."""
    kinds = list(species)
    rows = -(-len(kinds) // blocks)
    label = max(14, size // 8)
    font = ImageFont.load_default(size=label * 0.8)
    width = per_species * (size + 4) + 12
    sheet = Image.new("RGB", (width * blocks, rows * (size + label + 8)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, kind in enumerate(kinds):
        left, top = (i // rows) * width + 6, (i % rows) * (size + label + 8)
        pen.text((left, top + 2), kind.name, fill=INK, font=font)
        for k in range(per_species):
            sheet.paste(draw_species(kind.name, (seed, i, k), size).image, (left + k * (size + 4), top + label + 4))
    return sheet


def main() -> None:
    """Writes a sheet as PNG, in 256 colours to keep it small."""
    parser = argparse.ArgumentParser(description="Draw every species of the field guide on one sheet.")
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-species", type=int, default=1, help="1: a plate with names below; more: a row for each")
    parser.add_argument("--size", type=int, default=144)
    parser.add_argument("--blocks", type=int, default=1, help="columns of rows, where there are rows")
    parser.add_argument("--plan", help="only this body plan")
    options = parser.parse_args()
    chosen = [s for s in load_species() if options.plan in (None, s.plan)]
    if options.per_species == 1:
        sheet = draw_plate(chosen, options.seed, options.size)
    else:
        sheet = draw_contact_sheet(chosen, options.seed, options.per_species, options.size, options.blocks)
    sheet.quantize(256, kmeans=2).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
