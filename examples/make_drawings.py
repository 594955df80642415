"""Draws what lies in examples/drawings: `python examples/make_drawings.py [FOLDER]`.

A seed that the embedded model was neither trained nor measured on. They are drawings: what a model makes of them says
nothing of what it would make of photographs.
"""

import sys
from pathlib import Path

from bioclip_x_field_guide.drawing import draw_species

SEED = 4711
SPECIES = (
    "Cyanistes caeruleus",
    "Turdus philomelos",
    "Alcedo atthis",
    "Aglais io",
    "Papilio machaon",
    "Coccinella septempunctata",
    "Amphiprion ocellaris",
    "Papaver rhoeas",
    "Amanita muscaria",
    "Amanita phalloides",
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("drawings"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(SPECIES):
        drawing = draw_species(name, (SEED, number), 256)
        drawing.image.save(folder / f"{name.lower().replace(' ', '-')}.png", optimize=True)
