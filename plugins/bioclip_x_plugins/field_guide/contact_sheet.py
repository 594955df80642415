"""A sheet of drawings, one row for each species, to look at."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from .drawing import draw_species
from .species import Species, load_species


def contact_sheet(
    species: Iterable[Species], seed: int = 0, per_species: int = 4, size: int = 160, blocks: int = 1
) -> Image.Image:
    """Rows of labelled drawings in `blocks` columns of rows."""
    kinds = list(species)
    rows = -(-len(kinds) // blocks)
    label = max(14, size // 8)
    font = ImageFont.load_default(size=label * 0.8)
    width = per_species * (size + 4) + 12
    sheet = Image.new("RGB", (width * blocks, rows * (size + label + 8)), (250, 247, 238))
    pen = ImageDraw.Draw(sheet)
    for i, kind in enumerate(kinds):
        left, top = (i // rows) * width + 6, (i % rows) * (size + label + 8)
        pen.text((left, top + 2), kind.name, fill=(60, 48, 40), font=font)
        for k in range(per_species):
            sheet.paste(draw_species(kind.name, (seed, i, k), size).image, (left + k * (size + 4), top + label + 4))
    return sheet


def main() -> None:
    """Write a contact sheet as PNG."""
    parser = argparse.ArgumentParser(description="Draw every species of the field guide on one sheet.")
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-species", type=int, default=4)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--blocks", type=int, default=1, help="columns of rows")
    parser.add_argument("--plan", help="only this body plan")
    asked = parser.parse_args()
    chosen = [s for s in load_species() if asked.plan in (None, s.plan)]
    contact_sheet(chosen, asked.seed, asked.per_species, asked.size, asked.blocks).save(asked.out)


if __name__ == "__main__":
    main()
