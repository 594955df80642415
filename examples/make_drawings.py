"""Renders the images in examples/drawings: `python examples/make_drawings.py [FOLDER]`.

The seed was not used to train or evaluate the embedded model. They are drawings: predictions for them say nothing about
predictions for photographs.
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
